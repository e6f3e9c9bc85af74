import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { listening, type Program, startProgram } from '../support/program.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const secrets = {
  FIRST_KEY: 'sk-first-secret',
  CLAUDE_KEY: 'sk-claude-secret',
  TEAM_A_KEY: 'sk-team-a-secret',
  REPRISE_ADMIN_TOKEN: 'open sesame'
}
const administrating = { headers: { 'x-reprise-admin-token': secrets.REPRISE_ADMIN_TOKEN } }
const prompt = 'What does my diagnosis mean?'

let home: TemporaryFolder
let count = 0
const providers: SimulatedProvider[] = []
const programs: Program[] = []

beforeAll(() => {
  home = temporaryFolder()
})
afterEach(async () => {
  for (const { process } of programs.splice(0)) process.kill('SIGKILL')
  await Promise.all(providers.splice(0).map((provider) => provider.close()))
})
afterAll(() => home.remove())

async function started(options: Parameters<typeof simulatedProvider>[0] = {}): Promise<SimulatedProvider> {
  const provider = await simulatedProvider(options)
  providers.push(provider)
  return provider
}

function fileWith(name: string, text: string): string {
  count++
  const file = join(home.path, `${count}-${name}`)
  writeFileSync(file, text)
  return file
}

/** The program with a configuration of its own, and somebody who asks it. */
async function serving(text: string, environment: Readonly<Record<string, string>> = {}) {
  const file = fileWith('reprise.yaml', text)
  const flags = ['serve', '--config', file, '--port', '0', '--store', 'memory:']
  const program = startProgram(flags, { ...secrets, ...environment })
  programs.push(program)
  const url = await listening(program)
  const team = new OpenAI({ apiKey: secrets.TEAM_A_KEY, baseURL: `${url}/v1`, maxRetries: 0, logLevel: 'off' })
  async function ask(question: string, more: object = {}): Promise<Record<string, string | null>> {
    const body = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: question }], ...more }
    const { response } = await team.chat.completions.create(body).withResponse()
    const marks = ['layer', 'provider', 'fallback']
    return Object.fromEntries(marks.map((mark) => [mark, response.headers.get(`x-reprise-${mark}`)]))
  }
  /** What the operator reads, without the times. */
  const log = (): string[] =>
    program
      .errors()
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z .{10,300}$/)
        return line.replace(/^\S+ /, '')
      })
  async function stop(): Promise<void> {
    program.process.kill('SIGTERM')
    expect(await program.ended).toBe(0)
    for (const secret of [...Object.values(secrets), 'sk-second-secret', 'diagnosis']) {
      expect(program.output() + program.errors()).not.toContain(secret)
    }
  }
  return { url, program, ask, log, stop }
}

const fromAnother = { layer: 'provider', provider: 'second', fallback: null }

describe('a configuration with two providers', () => {
  it('falls back when the first is killed, says so, leaves it out, and has it back', async () => {
    const [first, second] = [await started(), await started()]
    const keyFile = fileWith('key', 'sk-second-secret\n')
    const { ask, log, stop, program } = await serving(`
providers:
  first:
    url: ${first.openaiUrl}
    key-env: FIRST_KEY
    connect-timeout: 2s
  second:
    url: ${second.openaiUrl}
    key-file: ${keyFile}
routes:
  - model: gpt-*
    targets: [first, second]
    retry: { attempts: 0 }
    breaker: { failures: 2, left-out: 300ms }
`)
    expect(program.output()).toContain(first.openaiUrl)
    expect(await ask(prompt)).toEqual({ layer: 'provider', provider: 'first', fallback: null })
    expect(first.calls[0]?.headers.authorization).toBe('Bearer sk-first-secret')
    expect(log()).toEqual([])

    await first.close()
    expect(await ask(`${prompt} 1`)).toEqual(fromAnother)
    expect(second.calls[0]?.headers.authorization).toBe('Bearer sk-second-secret')
    expect(await ask(`${prompt} 2`)).toEqual(fromAnother)
    const gone = `first at ${new URL(first.url).origin} could not be reached: connect ECONNREFUSED ${new URL(first.url).host}`
    expect(log()).toEqual([
      `first/gpt-4o did not answer, asking second/gpt-4o: ${gone}`,
      // That the other one is asked again has been said.
      `first/gpt-4o does not answer, going on without it: ${gone}`
    ])
    // Left out, it is not asked, and nothing is said of it again.
    expect(await ask(`${prompt} 3`)).toEqual(fromAnother)
    expect(log()).toHaveLength(2)
    expect(await ask(prompt)).toMatchObject({ layer: 'exact', provider: 'first' })

    await started({ port: Number(new URL(first.url).port) })
    let question = 4
    await expect.poll(async () => (await ask(`${prompt} ${question++}`)).provider, { timeout: 10_000 }).toBe('first')
    expect(log().at(-1)).toBe('first/gpt-4o is back')
    await stop()
  })

  it('says what a provider answered, and not in its words', async () => {
    const [first, second] = [await started(), await started()]
    const { ask, log, stop } = await serving(`
providers:
  first: { url: '${first.openaiUrl}', key-env: FIRST_KEY }
  second: { url: '${second.openaiUrl}', key: sk-second-secret }
routes:
  - { model: gpt-*, targets: [first, second], retry: { attempts: 0 } }
`)
    const message = `Incorrect API key provided: ${secrets.FIRST_KEY}, for: ${prompt}`
    first.fail({ status: 401, body: { error: { message, type: 'invalid_request_error' } } })
    expect(await ask(prompt)).toEqual(fromAnother)
    expect(log()).toEqual(['first/gpt-4o did not answer, asking second/gpt-4o: answered 401'])
    await stop()
  })

  it('says for whom a target is not there, and why', async () => {
    const [first, claude] = [await started(), await started()]
    const { ask, log, stop, url } = await serving(`
providers:
  first: { url: '${first.openaiUrl}', key-env: FIRST_KEY, prices: { '*': { input: 0, output: 1000000 } } }
  claude: { kind: anthropic, url: '${claude.anthropicUrl}', key-env: CLAUDE_KEY }
routes:
  - { model: gpt-*, targets: [claude/claude-sonnet-4-5, first], retry: { attempts: 0 } }
budgets:
  - { name: everything, limit: $5 }
tenants:
  team-a: { key-env: TEAM_A_KEY }
switches: {semantic: off}
`)
    await expect(ask(prompt, { seed: 5, max_tokens: 10 })).rejects.toMatchObject({ status: 429 })
    expect(log()).toEqual([
      expect.stringMatching(/^claude\/claude-sonnet-4-5 is not asked \(unsuitable\): .*seed/),
      expect.stringMatching(/^first\/gpt-4o is not asked \(over-budget\): .*everything allows \$5\.00/)
    ])
    expect([first.count(), claude.count()]).toEqual([0, 0])
    const { switches } = (await (await fetch(`${url}/switches`, administrating)).json()) as { switches: object }
    expect(switches).toMatchObject({ semantic: { on: false, by: 'configuration' }, exact: { on: true } })
    await stop()
  })

  it('is read as JSON from the environment just as well', async () => {
    const first = await started()
    const { ask, stop } = await serving('host: 127.0.0.1', {
      REPRISE_PROVIDERS: JSON.stringify({ first: { url: first.openaiUrl, 'key-env': 'FIRST_KEY' } }),
      REPRISE_ROUTES: JSON.stringify([{ model: 'gpt-4o', targets: ['first/small'] }])
    })
    expect((await ask(prompt)).provider).toBe('first')
    expect(first.calls[0]?.model).toBe('small')
    await stop()
  })
})

describe('a wrong configuration ends the start with one line', () => {
  it.each([
    [
      'routes: [{ model: gpt-4o, targets: [openai, azure] }]',
      'reprise: routes[0] (gpt-4o).targets[1]: expected the name of a provider (there are openai, anthropic), got "azure"'
    ],
    ['routes: [{ model: gpt-4o }]', 'reprise: routes[0].targets in FILE: expected a list, got nothing'],
    [
      'providers: { first: { url: "http://a", key-env: NO_SUCH_KEY } }',
      'reprise: providers.first.key-env: expected a key in the environment variable NO_SUCH_KEY, got none'
    ],
    [
      'providers: { first: { url: "http://a", key: sk-first-secret, ky: 1 } }',
      /^reprise: providers\.first in FILE: expected fields among kind, url, .*, got "ky"$/
    ],
    [
      'providers: { first: { key: sk-first-secret } }',
      'reprise: first: url: expected an address such as https://api.example.com/v1, got none'
    ],
    ['openai-key: sk-first-secret: x', /^reprise: FILE: line 1, column 13: /],
    [
      'budgets: [{ name: a, limit: lots }]',
      'reprise: budgets[0].limit in FILE: expected US dollars, such as 25 or $2.50, got "lots"'
    ]
  ])('%s', async (text, expected) => {
    const file = fileWith('reprise.yaml', text)
    const program = startProgram(['serve', '--config', file, '--port', '0', '--store', 'memory:'], secrets)
    programs.push(program)
    expect(await program.ended).toBe(1)
    const [line = '', ...more] = program.errors().trim().split('\n')
    const said = line.replaceAll(file, 'FILE')
    if (typeof expected === 'string') expect(said).toBe(expected)
    else expect(said).toMatch(expected)
    expect([more, program.output()]).toEqual([[], ''])
    expect(line).not.toContain('secret')
  })
})
