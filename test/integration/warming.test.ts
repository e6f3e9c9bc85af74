import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WarmSurroundings, warm } from '../../src/cli/warm.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Call, Options } from '../../src/testing/simulated-provider.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const key = 'sk-alice'
// No admin token of whoever runs the tests.
const environment = { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: key, XDG_CACHE_HOME: '/nonexistent' }

let folder: TemporaryFolder
let stand: Stand
const programs: ChildProcess[] = []

beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(async () => {
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  await stand.close()
  folder.remove()
})

async function start(options: Options = {}): Promise<void> {
  stand = await makeStand({}, options)
}

function file(lines: readonly JsonObject[]): string {
  const path = join(folder.path, 'requests.jsonl')
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

function chat(question: string): { model: string; messages: { role: 'user'; content: string }[] } {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content: question }] }
}

async function run(flags: readonly string[]): Promise<{ exitCode: number | undefined; output: string }> {
  let output = ''
  let exitCode: number | undefined
  const surroundings: WarmSurroundings = {
    environment,
    output: { write: (text) => (output += text) },
    progress: { write() {} },
    end: (code) => {
      exitCode = code
    }
  }
  await warm([...flags, '--url', stand.gateway.url], surroundings)
  return { exitCode, output }
}

/** The command as a process of its own. */
function startProgram(flags: readonly string[]): { readonly program: ChildProcess; readonly output: () => string } {
  const script = join(import.meta.dirname, '../support/warm-worker.ts')
  const program = spawn(process.execPath, ['--import', 'tsx', script, ...flags, '--url', stand.gateway.url], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...environment }
  })
  programs.push(program)
  let output = ''
  for (const stream of [program.stdout, program.stderr]) stream?.on('data', (chunk) => (output += chunk))
  return { program, output: () => output }
}

function questionOf({ body }: Call): string {
  return (body as ReturnType<typeof chat> | undefined)?.messages[0]?.content ?? ''
}

async function providerAsked(count: number): Promise<void> {
  while (stand.provider.count() < count) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** The lines that the state file says are done. */
function noted(path: string): Set<number> {
  const lines = readFileSync(`${path}.progress`, 'utf8').split('\n').slice(1, -1)
  return new Set(
    lines.flatMap((line) => {
      const [from = 0, to = from] = line.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, index) => from + index)
    })
  )
}

const questions = Array.from({ length: 200 }, (_, index) => `Question ${index + 1}`)

describe('reprise warm', () => {
  it('asks 200 requests once, and finds them all when it is run again', async () => {
    await start()
    const path = file(
      questions.map((question, index) => ({ ...chat(question), ...(index % 2 === 0 ? { stream: true } : {}) }))
    )
    const first = await run([path])
    expect(first.output).toContain('0 hits, 200 asked for $0.')
    expect([first.exitCode, stand.provider.count()]).toEqual([0, 200])
    const second = await run([path, '--restart'])
    expect(second.output).toContain('200 hits, 0 asked for $0, 0 failed')
    expect([second.exitCode, stand.provider.count()]).toEqual([0, 200])
    expect((await run([path])).output).toContain('all 200 requests of')
  })

  it('leaves answers that later callers find, streaming or not, and other keys do not', async () => {
    await start()
    const stream = { stream: true, stream_options: { include_usage: true } }
    await run([file([{ ...chat('a'), ...stream }, chat('b')])])
    stand.provider.reset()
    const openai = stand.openai(key)
    for (const question of ['a', 'b']) {
      const { response } = await openai.chat.completions.create(chat(question)).withResponse()
      expect(response.headers.get('x-reprise-layer')).toBe('exact')
      const streamed = await openai.chat.completions.stream(chat(question)).finalChatCompletion()
      expect(streamed.choices[0]?.message.content).not.toBe('')
    }
    expect(stand.provider.count()).toBe(0)
    await stand.openai('sk-bob').chat.completions.create(chat('a'))
    expect(stand.provider.count()).toBe(1)
  })

  it('understands the batch formats of OpenAI and Anthropic, and embeddings', async () => {
    await start()
    const message = { model: 'claude-haiku-4-5', max_tokens: 500, messages: [{ role: 'user' as const, content: 'm' }] }
    const response = { model: 'gpt-4o-mini', input: 'r' }
    const embedding = { model: 'text-embedding-3-small', input: ['e', 'f'] }
    const post = { custom_id: 'x', method: 'POST' }
    const path = file([
      { ...post, url: '/v1/chat/completions', body: chat('c') },
      { ...post, url: '/v1/responses', body: response },
      { ...post, url: '/v1/embeddings', body: embedding },
      { custom_id: 'x', params: message }
    ])
    // What the official SDK of today sends: the version is part of what is asked.
    await stand.anthropic(key).messages.create({ ...message, max_tokens: 499 })
    const version = stand.provider.calls[0]?.headers['anthropic-version']
    stand.provider.reset()
    const { exitCode, output } = await run([path, '--header', `anthropic-version: ${version}`])
    expect([exitCode, output]).toEqual([0, expect.stringContaining('4 asked for $')])
    expect(output).not.toContain('for callers that send')
    expect(stand.provider.calls.map(({ endpoint }) => endpoint).toSorted()).toEqual([
      'chat',
      'embeddings',
      'messages',
      'responses'
    ])
    const openai = stand.openai(key)
    await openai.chat.completions.create(chat('c'))
    await openai.responses.create(response)
    await openai.embeddings.create({ ...embedding, encoding_format: 'float' })
    await stand.anthropic(key).messages.create(message)
    expect(stand.provider.count()).toBe(4)
  })

  it('stops in time when there is a budget, and goes on with another', async () => {
    // Each costs $0.00075.
    await start({ answer: () => ({ text: 'x', usage: { input: 1000, output: 1000 } }) })
    const path = file(questions.map(chat))
    const first = await run([path, '--budget', '0.01'])
    expect(first.output).toContain('stopped: one more may cost $0.00075')
    expect(first.output).toContain('13 of 200 requests done, says')
    expect([first.exitCode, stand.provider.count()]).toEqual([0, 13])
    await run([path, '--budget', '0.01'])
    expect([stand.provider.count(), noted(path).size]).toEqual([26, 26])
    // What is known costs nothing, and leaves room for as many that are not.
    expect((await run([path, '--budget', '0.01', '--restart'])).output).toContain('26 hits, 13 asked')
  })

  it('never asks again what was answered and noted before kill -9', async () => {
    await start({ delay: { firstTokenMs: 20, perTokenMs: 0 } })
    const path = file(questions.map(chat))
    const { program } = startProgram([path])
    await providerAsked(80)
    program.kill('SIGKILL')
    await once(program, 'close')
    const before = noted(path)
    expect(before.size).toBeGreaterThan(40)
    expect(before.size).toBeLessThan(200)
    const known = stand.provider.count()
    const { exitCode, output } = await run([path])
    expect([exitCode, output]).toEqual([0, expect.stringContaining('200 of 200 requests done: all')])
    const again = stand.provider.calls.slice(known).map(questionOf)
    expect(again.filter((question) => before.has(questions.indexOf(question) + 1))).toEqual([])
    // Those that were under way when it was killed may be asked again, and no others.
    expect(stand.provider.count()).toBeLessThanOrEqual(200 + 8)
    expect(new Set(stand.provider.calls.map(questionOf)).size).toBe(200)
  })

  it('ends what is under way at ctrl-c, and says how to go on', async () => {
    await start({ delay: { firstTokenMs: 30, perTokenMs: 0 } })
    const path = file(questions.map(chat))
    const { program, output } = startProgram([path])
    await providerAsked(50)
    program.kill('SIGINT')
    expect(await once(program, 'close')).toEqual([130, null])
    expect(output()).toContain('stopping: waiting for what is under way')
    expect(output()).toContain('the same command goes on with the rest')
    const answered = stand.provider.calls.filter(({ outcome }) => outcome === 'answered').length
    expect([noted(path).size, stand.provider.count()]).toEqual([answered, answered])
    expect(await run([path])).toMatchObject({ exitCode: 0 })
    expect(stand.provider.count()).toBe(200)
  })

  it('ends at once at a second ctrl-c', async () => {
    await start()
    stand.provider.fail({ every: 'hang' })
    const path = file(questions.map(chat))
    const { program, output } = startProgram([path])
    await providerAsked(8)
    program.kill('SIGINT')
    while (!output().includes('stopping:')) await once(program.stderr ?? program, 'data')
    program.kill('SIGINT')
    expect(await once(program, 'close')).toEqual([130, null])
    expect([noted(path).size, existsSync(`${path}.errors.jsonl`)]).toEqual([0, false])
  })
})

describe('reprise warm --import', () => {
  it("leaves answers that both official SDKs take from the cache, plainly and streamed, and nobody's with another key", async () => {
    await start()
    const turns = [{ role: 'user' as const, content: 'q' }]
    const message = { model: 'claude-haiku-4-5', max_tokens: 5, messages: turns }
    const response = { model: 'gpt-4o-mini', input: 'q' }
    await stand.anthropic(key).messages.create({ ...message, max_tokens: 6 })
    const version = stand.provider.calls[0]?.headers['anthropic-version']
    stand.provider.reset()
    const usage = { inputTokens: 1, outputTokens: 2 }
    const path = file([
      { request: chat('q'), response: 'A chat.', usage, costUsd: 0.1 },
      { request: message, response: 'A message.', usage },
      { request: response, response: 'A response.', usage }
    ])
    expect(await run(['--import', path, '--header', `anthropic-version: ${version}`])).toEqual({
      exitCode: 0,
      output: expect.stringContaining('3 pairs stored, 0 refused')
    })
    const openai = stand.openai(key)
    const { data, response: http } = await openai.chat.completions.create(chat('q')).withResponse()
    expect(data.choices[0]?.message.content).toBe('A chat.')
    expect(http.headers.get('x-reprise-saved-usd')).toBe('0.10000000')
    const streamed = await openai.chat.completions.stream(chat('q')).finalChatCompletion()
    expect(streamed.choices[0]?.message.content).toBe('A chat.')
    expect((await openai.responses.create(response)).output_text).toBe('A response.')
    expect((await openai.responses.stream(response).finalResponse()).output).toMatchObject([{ type: 'message' }])
    const anthropic = stand.anthropic(key)
    for (const answer of [
      await anthropic.messages.create(message),
      await anthropic.messages.stream(message).finalMessage()
    ]) {
      expect(answer.content).toEqual([{ type: 'text', text: 'A message.' }])
    }
    expect(stand.provider.count()).toBe(0)
    await stand.openai('sk-bob').chat.completions.create(chat('q'))
    expect(stand.provider.count()).toBe(1)
  })
})
