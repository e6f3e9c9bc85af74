import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { listening, type Program, startProgram } from '../support/program.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

let folder: TemporaryFolder
let provider: SimulatedProvider
const programs: Program[] = []

beforeEach(async () => {
  folder = temporaryFolder()
  provider = await simulatedProvider()
})

afterEach(async () => {
  for (const { process } of programs.splice(0)) process.kill('SIGKILL')
  await provider.close()
  folder.remove()
})

/** The program with a cache folder of the test's own, and slow disks forgiven. */
function run(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
  const program = startProgram(flags, {
    XDG_CACHE_HOME: folder.path,
    REPRISE_DEADLINE: '10s',
    OPENAI_API_KEY: 'sk-alice',
    ...environment
  })
  programs.push(program)
  return program
}

function serve(environment: Readonly<Record<string, string>> = {}): Program {
  return run(['serve', '--port', '0', '--openai-url', provider.openaiUrl], environment)
}

/** What a command prints, once it has ended with 0. */
async function printed(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const program = run(flags, environment)
  expect([await program.ended, program.errors()]).toEqual([0, ''])
  return program.output()
}

async function stop(program: Program): Promise<void> {
  program.process.kill('SIGTERM')
  expect(await program.ended).toBe(0)
}

const tokenFile = (): string => join(folder.path, 'reprise', 'admin-token')

function chat(content: string) {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] }
}

async function layerOf(url: string, content: string, tags?: string): Promise<string | null> {
  const headers = tags === undefined ? {} : { 'x-reprise-tags': tags }
  const client = new OpenAI({ apiKey: 'sk-alice', baseURL: `${url}/v1`, maxRetries: 0 })
  const { response } = await client.chat.completions.create(chat(content), { headers }).withResponse()
  return response.headers.get('x-reprise-layer')
}

function jsonLines(text: string): readonly JsonObject[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as JsonObject)
}

/** Waits until a program has printed it, and fails when it ends before. */
async function prints(program: Program, text: string): Promise<void> {
  let over = false
  void program.ended.then(() => {
    over = true
  })
  while (!program.output().includes(text)) {
    if (over) throw new Error(`it ended without it: ${program.output()}${program.errors()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('reprise serve without a token', () => {
  it('makes one for its user alone, says where it is and not what, and the commands find it', async () => {
    const program = serve()
    const url = await listening(program)
    const token = readFileSync(tokenFile(), 'utf8').trim()
    expect(token).toMatch(/^[\w-]{40,}$/)
    expect(statSync(tokenFile()).mode & 0o777).toBe(0o600)
    await prints(program, 'shows what it does at')
    expect(program.output()).toContain(`shows what it does at ${url}/dashboard (admin token: ${tokenFile()})`)
    expect((await fetch(`${url}/switches`)).status).toBe(401)
    expect((await fetch(`${url}/switches`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)

    await layerOf(url, 'a', 'run:7')
    expect(await layerOf(url, 'a', 'run:7')).toBe('exact')
    const report = JSON.parse(await printed(['stats', '--json', '--url', url])) as JsonObject
    expect(report).toMatchObject({
      requests: { total: 2, hits: 1 },
      by_tag: [{ tag: 'run:7' }],
      top_entries: [{ hits: 1 }]
    })
    expect(await printed(['invalidate', '--tag', 'run:7', '--dry-run', '--url', url])).toBe('1 entry would go\n')
    expect(await printed(['invalidate', '--tag', 'run:7', '--url', url])).toBe('1 entry is gone\n')
    expect(await printed(['switch', 'semantic', 'off', '--url', url])).toMatch(/semantic +off/)
    const request = join(folder.path, 'request.json')
    writeFileSync(request, JSON.stringify(chat('a')))
    expect(await printed(['explain', request, '--through', url])).toMatch(/^miss: /)
    const pairs = join(folder.path, 'pairs.jsonl')
    writeFileSync(pairs, `${JSON.stringify({ request: chat('b'), response: 'Imported.' })}\n`)
    expect(await printed(['warm', '--import', pairs, '--url', url])).toContain('1')
    expect(await layerOf(url, 'b')).toBe('exact')
    expect(await printed(['warm', '--popular', '5', '--url', url])).toContain('2 of 2 answers: 1 hit, 0 asked')

    for (const said of [program.output(), program.errors()]) expect(said).not.toContain(token)
    expect(JSON.stringify(provider.calls)).not.toContain(token)
    await stop(program)
  })

  it('keeps it over a restart, and shares it with another gateway of the same user', async () => {
    const first = serve({ REPRISE_STORE: 'memory:' })
    await listening(first)
    const token = readFileSync(tokenFile(), 'utf8')
    const second = serve({ REPRISE_STORE: 'memory:' })
    const url = await listening(second)
    expect(readFileSync(tokenFile(), 'utf8')).toBe(token)
    await stop(first)
    expect(await printed(['switch', '--url', url])).toContain('exact')
    await stop(second)
    expect(readdirSync(join(folder.path, 'reprise'))).toEqual(['admin-token'])
  })

  it('is told by a command that has no token, or another, what to do', async () => {
    const program = serve({ REPRISE_STORE: 'memory:' })
    const url = await listening(program)
    for (const [environment, why] of [
      [{ XDG_CACHE_HOME: join(folder.path, 'elsewhere') }, 'wants its admin token, and none was found'],
      [{ REPRISE_ADMIN_TOKEN: 'another' }, 'has another admin token']
    ] as const) {
      const command = run(['invalidate', '--all', '--yes', '--url', url], environment)
      expect(await command.ended).toBe(1)
      expect(command.errors()).toMatch(/^reprise: [^\n]+\n$/)
      expect(command.errors()).toContain(why)
      expect(command.errors()).toContain('REPRISE_ADMIN_TOKEN')
      // The counts are everybody's, and what names callers' things is not.
      const report = JSON.parse(await printed(['stats', '--json', '--url', url], environment)) as JsonObject
      expect(report).not.toHaveProperty('by_tag')
    }
    await stop(program)
  })

  it('does not use one that others can read', async () => {
    await stop(await started(serve({ REPRISE_STORE: 'memory:' })))
    chmodSync(tokenFile(), 0o644)
    const program = serve({ REPRISE_STORE: 'memory:' })
    expect(await program.ended).toBe(1)
    expect(program.errors()).toMatch(/^reprise: [^\n]*others on this machine can read[^\n]*\n$/)
  })

  it.each([
    { REPRISE_HOST: '0.0.0.0' },
    { REPRISE_HOST: '::' },
    { REPRISE_ADMIN_HOST: '0.0.0.0', REPRISE_ADMIN_PORT: '0' }
  ])('does not start where other machines reach it, and makes none: %j', async (environment) => {
    const program = serve(environment)
    expect(await program.ended).toBe(1)
    expect(program.errors()).toMatch(/^reprise: [^\n]*other machines reach [^\n]*set REPRISE_ADMIN_TOKEN[^\n]*\n$/)
    expect(program.output()).toBe('')
    expect(existsSync(tokenFile())).toBe(false)
  })
})

async function started(program: Program): Promise<Program> {
  await listening(program)
  return program
}

describe('reprise serve with a token', () => {
  it('writes none, and has a place of its own for those who show it', async () => {
    const environment = { REPRISE_STORE: 'memory:', REPRISE_ADMIN_TOKEN: 'secret-7f3a', REPRISE_ADMIN_PORT: '0' }
    const program = serve(environment)
    const url = await listening(program)
    const adminUrl = /shows what it does at (http:\/\/\S+)\/dashboard/.exec(program.output())?.[1] ?? ''
    expect(adminUrl).not.toBe(url)
    expect(program.output()).not.toMatch(/secret-7f3a|admin-token/)
    expect(readdirSync(folder.path)).toEqual([])
    expect((await fetch(`${url}/switches`, { headers: { 'x-reprise-admin-token': 'secret-7f3a' } })).status).toBe(404)
    const token = { REPRISE_ADMIN_TOKEN: 'secret-7f3a' }
    expect(await printed(['switch', 'llm', 'off', '--url', adminUrl], token)).toMatch(/llm +off/)
    await stop(program)
  })
})

describe('a log of JSON', () => {
  const private_ = 'what only alice may know'

  async function logged(
    environment: Readonly<Record<string, string>>
  ): Promise<{ lines: readonly JsonObject[]; text: string }> {
    const program = serve({ REPRISE_STORE: 'memory:', REPRISE_LOG: 'json', ...environment })
    while (!program.errors().includes('listens on')) await new Promise((resolve) => setTimeout(resolve, 10))
    const url = /listens on (http:\/\/\S+)/.exec(program.errors())?.[1] ?? ''
    await layerOf(url, private_)
    await layerOf(url, private_)
    provider.fail({ status: 400, body: { error: { message: `no such thing: ${private_}` } } })
    await layerOf(url, `${private_} too`).catch(() => {})
    await stop(program)
    return { lines: jsonLines(program.output()), text: program.output() }
  }

  it('has one line for each request, and nothing of what was said', async () => {
    const { lines, text } = await logged({})
    const answered = lines.filter(({ event }) => event === 'answered')
    expect(answered).toMatchObject([
      { level: 'info', kind: 'llm', model: 'gpt-4o-mini', outcome: 'miss', layer: 'provider' },
      { level: 'info', kind: 'llm', model: 'gpt-4o-mini', outcome: 'hit', layer: 'exact' },
      { level: 'warn', kind: 'llm', model: 'gpt-4o-mini', outcome: 'failed', error: { status: 400 } }
    ])
    expect(text).not.toMatch(/alice|no such thing/)
  })

  it('has what was asked only when that is wanted', async () => {
    const { lines, text } = await logged({ REPRISE_LOG_TEXTS: 'on' })
    const texts = lines.filter(({ event }) => event === 'answered').map((line) => line['text'])
    expect(texts).toEqual([private_, private_, `${private_} too`])
    expect(text).not.toMatch(/sk-alice|no such thing/)
  })

  it('has no more than its level', async () => {
    const { lines } = await logged({ REPRISE_LOG_LEVEL: 'warn' })
    expect(lines.map(({ event, outcome }) => [event, outcome])).toEqual([['answered', 'failed']])
    const { lines: all } = await logged({ REPRISE_LOG_LEVEL: 'debug' })
    expect(all.map(({ event }) => event)).toContain('stored')
  })
})

describe('what else is set', () => {
  it('is telemetry, also where no SDK of it has been loaded', async () => {
    const program = serve({ REPRISE_STORE: 'memory:', REPRISE_TELEMETRY: 'on' })
    const url = await listening(program)
    expect(await layerOf(url, 'a')).toBe('provider')
    expect(await layerOf(url, 'a')).toBe('exact')
    await stop(program)
    expect(program.errors()).toBe('')
  })

  it('is what the metrics’ names begin with', async () => {
    const program = serve({ REPRISE_STORE: 'memory:', REPRISE_METRICS_PREFIX: 'v2_' })
    const url = await listening(program)
    await layerOf(url, 'a')
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(text).toContain('\nv2_cache_misses_total{cache_layer="llm"} 1\n')
    expect(text).not.toContain('reprise_')
    await stop(program)
  })
})

describe('entries that are encrypted', () => {
  const key = (id: string, byte: number): string => `${id}:${Buffer.alloc(32, byte).toString('base64')}`
  const question = 'how do I reset my very confidential password'
  const one = key('one', 1)
  const two = key('two', 2)
  const answers = new Set<string>()

  /** What becomes of the question in a gateway of its own with these keys; nothing is stored that was not there. */
  async function asked(keys: string | undefined, looksOnly = true): Promise<string> {
    const program = serve(keys === undefined ? {} : { REPRISE_ENCRYPTION_KEYS: keys })
    const url = await listening(program)
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-alice', ...(looksOnly ? { 'cache-control': 'only-if-cached' } : {}) },
      body: JSON.stringify(chat(question))
    })
    const said = await response.text()
    if (response.ok)
      answers.add(
        (JSON.parse(said) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? ''
      )
    await stop(program)
    return response.ok ? (response.headers.get('x-reprise-layer') ?? '') : String(response.status)
  }

  /** In how many files of the cache folder a text stands. */
  function filesWith(text: string): number {
    const files = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).map((file) => join(folder.path, file))
    return files.filter((file) => statSync(file).isFile() && readFileSync(file).includes(text)).length
  }

  it('are found by who has the key, missed by who has another, and there for the first again', async () => {
    expect(await asked(one, false)).toBe('provider')
    const [answer = ''] = answers
    expect(answer.length).toBeGreaterThan(10)
    for (const text of ['confidential', answer.slice(0, 20), 'chatcmpl', 'choices'])
      expect(filesWith(text), text).toBe(0)
    expect(filesWith('llm:gpt-4o-mini:')).toBeGreaterThan(0)
    expect(await asked(one)).toBe('exact')
    expect(await asked(two)).toBe('504')
    expect(await asked(undefined)).toBe('504')
    expect(await asked(one)).toBe('exact')
    // Rotation: what the old key has sealed is read by who has both, until it is asked anew under the new one.
    expect(await asked(`${two},${one}`)).toBe('exact')
    expect(await asked(two, false)).toBe('provider')
    expect(await asked(`${two},${one}`)).toBe('exact')
    expect(await asked(one)).toBe('504')
    expect(provider.count()).toBe(2)
    expect(filesWith('confidential')).toBe(0)
  }, 120_000)

  it('do not start with keys that are none, which are not repeated', async () => {
    for (const keys of ['not-a-key', 'one:AAAA', `${one},${one}`, 'schlüssel']) {
      const program = serve({ REPRISE_ENCRYPTION_KEYS: keys })
      expect(await program.ended).toBe(1)
      expect(program.errors()).toMatch(/^reprise: [^\n]+\n$/)
      expect(program.errors()).not.toContain(keys)
    }
  })
})
