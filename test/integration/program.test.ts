import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { listening, type Program, startProgram } from '../support/program.ts'

let folder: string
let provider: SimulatedProvider

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-program-'))
  provider = await simulatedProvider()
})

afterAll(async () => {
  await provider.close()
  rmSync(folder, { recursive: true, force: true })
})

async function failing(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const program = startProgram(flags, environment)
  expect(await program.ended).toBe(1)
  const lines = program.errors().trim().split('\n')
  expect(lines, program.errors()).toHaveLength(1)
  return lines[0] ?? ''
}

async function stop(program: Program): Promise<void> {
  program.process.kill('SIGTERM')
  expect(await program.ended).toBe(0)
}

function chat(question: string) {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: question }] }
}

describe('reprise serve', () => {
  it('says where it listens, what it stores where, and the lines to set in a client', async () => {
    const program = startProgram(
      ['serve', '--port', '0', '--store', `embedded:${join(folder, 'a')}`, '--openai-url', provider.openaiUrl],
      { REPRISE_DEADLINE: '10s' }
    )
    const url = await listening(program)
    expect(program.output()).toContain(`stores answers in ${join(folder, 'a')}`)
    expect(program.output()).toContain(`export OPENAI_BASE_URL=${url}/v1`)
    expect(program.output()).toContain(`export ANTHROPIC_BASE_URL=${url}`)
    const client = new OpenAI({ apiKey: 'sk-a', baseURL: `${url}/v1` })
    await client.chat.completions.create(chat('a'))
    const { response } = await client.chat.completions.create(chat('a')).withResponse()
    expect(response.headers.get('x-reprise-layer')).toBe('exact')
    await stop(program)
    expect(program.errors()).toBe('')
  })

  it("takes its settings from flags before the environment before a file, and its store from the user's cache folder", async () => {
    const file = join(folder, 'reprise.yaml')
    writeFileSync(
      file,
      `openai-url: ${provider.openaiUrl}\nport: 1\nhost: 127.0.0.2\nttl:\n  default: 1h\n  models:\n    gpt-4o-mini: 10m\n`
    )
    const program = startProgram(['serve', '--config', file, '--host', '127.0.0.1'], {
      REPRISE_PORT: '0',
      REPRISE_HOST: '127.0.0.3',
      XDG_CACHE_HOME: folder
    })
    const url = await listening(program)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    expect(program.output()).toContain(join(folder, 'reprise'))
    const client = new OpenAI({ apiKey: 'sk-a', baseURL: `${url}/v1` })
    await client.chat.completions.create(chat('b'))
    const { response } = await client.chat.completions.create(chat('b')).withResponse()
    expect(response.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=(600|599|598)/)
    await stop(program)
  })

  it('finds again after kill -9 what it had answered', async () => {
    const flags = [
      'serve',
      '--port',
      '0',
      '--store',
      `embedded:${join(folder, 'killed')}`,
      '--openai-url',
      provider.openaiUrl
    ]
    // How fast this machine's disk is at the time is another matter.
    const patient = { REPRISE_DEADLINE: '10s' }
    const first = startProgram(flags, patient)
    const before = new OpenAI({ apiKey: 'sk-a', baseURL: `${await listening(first)}/v1`, maxRetries: 0 })
    const answered: number[] = []
    const asking = Array.from({ length: 300 }, async (_, question) => {
      await before.chat.completions.create(chat(`killed ${question}`))
      answered.push(question)
      if (answered.length === 100) first.process.kill('SIGKILL')
    })
    await Promise.allSettled(asking)
    expect(await first.ended).toBe('SIGKILL')
    expect(answered.length).toBeGreaterThanOrEqual(100)

    const second = startProgram(flags, patient)
    const after = new OpenAI({ apiKey: 'sk-a', baseURL: `${await listening(second)}/v1` })
    for (const question of answered) {
      const { response } = await after.chat.completions.create(chat(`killed ${question}`)).withResponse()
      expect([question, response.headers.get('x-reprise-layer')]).toEqual([question, 'exact'])
    }
    await stop(second)
    expect(second.errors()).toBe('')
  })

  it('neither logs nor stores a key', async () => {
    const own = join(folder, 'keys')
    const program = startProgram([
      'serve',
      '--port',
      '0',
      '--store',
      `embedded:${own}`,
      '--openai-url',
      provider.openaiUrl
    ])
    const client = new OpenAI({
      apiKey: 'sk-never-to-be-seen',
      baseURL: `${await listening(program)}/v1`,
      maxRetries: 0
    })
    await client.chat.completions.create(chat('keys'))
    await client.embeddings.create({ model: 'text-embedding-3-small', input: 'keys' })
    provider.fail({ status: 500 })
    await client.chat.completions.create(chat('fails')).catch(() => {})
    await stop(program)
    const files = readdirSync(own, { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(join(own, file)).isFile()
    )
    const stored = Buffer.concat(files.map((file) => readFileSync(join(own, file))))
    // What is looked for is there to be found: the answer's own words are.
    expect(stored.includes('gpt-4o-mini')).toBe(true)
    expect(stored.includes('sk-never-to-be-seen')).toBe(false)
    expect(program.output() + program.errors()).not.toContain('sk-never-to-be-seen')
  })

  it('finishes what is under way when it is told to stop', async () => {
    const slow = await simulatedProvider({ delay: { firstTokenMs: 300, perTokenMs: 0 } })
    const program = startProgram(['serve', '--port', '0', '--store', 'memory:', '--openai-url', slow.openaiUrl])
    const client = new OpenAI({ apiKey: 'sk-a', baseURL: `${await listening(program)}/v1`, maxRetries: 0 })
    const answer = client.chat.completions.create(chat('slow'))
    await expect.poll(() => slow.count()).toBe(1)
    program.process.kill('SIGTERM')
    expect((await answer).choices[0]?.message.content).toBeTruthy()
    expect(await program.ended).toBe(0)
    await slow.close()
  })
})

describe('reprise, called wrongly, says what is wrong in one line', () => {
  it('a port in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    expect(await failing(['serve', '--port', String(port), '--store', 'memory:'])).toBe(
      `reprise: cannot listen on 127.0.0.1:${port}: it is in use by another program; choose another with --port`
    )
    other.close()
  })

  it('a folder that cannot be written', async () => {
    const file = join(folder, 'a-file')
    writeFileSync(file, '')
    expect(await failing(['serve', '--port', '0', '--store', `embedded:${join(file, 'x')}`])).toContain(join(file, 'x'))
  })

  it.each([
    [['serve', '--prot', '1'], "Unknown option '--prot'"],
    [['serve', '--port', 'many'], '--port: '],
    [['serve', '--port', '70000'], '--port: '],
    [
      ['serve', '--ttl', 'soon'],
      '--ttl: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got "soon"'
    ],
    [['serve', '--store', 'mysql://x'], 'mysql://x'],
    [['serve', '--openai-url', 'api.openai.com'], '--openai-url: expected a URL that begins with http:// or https://'],
    [['serve', '--openai-key', 'sk-1'], 'set REPRISE_OPENAI_KEY'],
    [['serve', '--config', '/no/such/file.yaml'], '/no/such/file.yaml'],
    [['serve', 'now'], 'now'],
    [['sevre'], 'unknown command "sevre"; reprise --help lists all']
  ])('%j', async (flags, expected) => {
    expect(await failing(flags)).toContain(expected)
  })

  it('an unknown name in the file, with the ones that are known', async () => {
    const file = join(folder, 'wrong.yaml')
    writeFileSync(file, 'prot: 1\n')
    expect(await failing(['serve', '--config', file])).toContain('unknown setting "prot"; known are port, host, store')
  })

  it('an environment variable, by its name, and a secret without its value', async () => {
    expect(await failing(['serve'], { REPRISE_PORT: 'x' })).toContain('REPRISE_PORT: ')
    const file = join(folder, 'secret.yaml')
    writeFileSync(file, 'openai-key: [sk-very-secret]\n')
    const line = await failing(['serve', '--config', file])
    expect(line).toContain('openai-key in')
    expect(line).not.toContain('sk-very-secret')
  })
})

describe('reprise --help', () => {
  it('shows all commands, and all flags of serve', async () => {
    const all = startProgram(['--help'])
    expect(await all.ended).toBe(0)
    expect(all.output()).toContain('reprise serve')
    const serve = startProgram(['serve', '--help'])
    expect(await serve.ended).toBe(0)
    expect(serve.output()).toMatch(/--store STORE +embedded:FOLDER, memory:/)
  })
})
