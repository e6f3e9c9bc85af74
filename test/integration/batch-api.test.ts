import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toFile } from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { warm } from '../../src/cli/warm.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts'
import type { BatchOptions, Options } from '../../src/testing/simulated-provider.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const key = 'sk-alice'
const environment = { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: key, XDG_CACHE_HOME: '/nonexistent' }
const patience = { settleMs: 20, firstWaitMs: 5, longestWaitMs: 20 }
const minute = 60_000

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

async function start(batches: BatchOptions = {}, options: Options = {}, gateway: GatewayOptions = {}): Promise<void> {
  stand = await makeStand({ deadlineMs: 10_000, ...gateway }, { batches, ...options })
}

function chat(question: string): JsonObject & { model: string; messages: { role: 'user'; content: string }[] } {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content: question }] }
}

function message(question: string): JsonObject {
  return { ...chat(question), model: 'claude-haiku-4-5', max_tokens: 500 }
}

function mixed(count: number): JsonObject[] {
  return Array.from({ length: count }, (_, index) => {
    const question = `Question ${index}`
    return index % 2 === 0 ? chat(question) : { custom_id: question, params: message(question) }
  })
}

function file(lines: readonly JsonObject[]): string {
  const path = join(folder.path, 'requests.jsonl')
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

interface Ran {
  readonly exitCode: number | undefined
  readonly output: string
  readonly progress: string
}

async function run(flags: readonly string[]): Promise<Ran> {
  let [output, progress] = ['', '']
  let exitCode: number | undefined
  await warm([...flags, '--url', stand.gateway.url], {
    environment,
    output: { write: (text) => (output += text) },
    progress: { write: (text) => (progress += text) },
    end: (code) => {
      exitCode = code
    },
    patience
  })
  return { exitCode, output, progress }
}

/** The command as a process of its own. */
function startProgram(path: string): { readonly program: ChildProcess; readonly output: () => string } {
  const script = join(import.meta.dirname, '../support/warm-worker.ts')
  const flags = ['--import', 'tsx', script, path, '--batch-api', '--url', stand.gateway.url]
  const program = spawn(process.execPath, flags, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...environment }
  })
  programs.push(program)
  let output = ''
  for (const stream of [program.stdout, program.stderr]) stream?.on('data', (chunk) => (output += chunk))
  return { program, output: () => output }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

async function killed(program: ChildProcess): Promise<void> {
  program.kill('SIGKILL')
  await once(program, 'close')
}

function asked(method: string, path: RegExp): number {
  return stand.provider.calls.filter((call) => call.method === method && path.test(call.path)).length
}

function questionOf({ body }: { readonly body: JsonObject | undefined }): string {
  return (body as ReturnType<typeof chat> | undefined)?.messages[0]?.content ?? ''
}

/** Who was paid for what: in batches, and live. */
function paid(): { readonly batched: string[]; readonly live: string[] } {
  const live = stand.provider.calls.filter(({ endpoint }) => endpoint === 'chat' || endpoint === 'messages')
  return { batched: stand.provider.batched.map(questionOf).toSorted(), live: live.map(questionOf).toSorted() }
}

function questions(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `Question ${index}`).toSorted()
}

describe('reprise warm --batch-api', { timeout: minute }, () => {
  it('has requests of both providers answered in batches at half the price, once', async () => {
    await start({}, { answer: () => ({ text: 'x', usage: { input: 1000, output: 1000 } }) })
    const path = file(mixed(20))
    const first = await run([path, '--batch-api', '--tag', 'faq'])
    // Half of $0.00075 and of $0.006, ten times each.
    expect(first.output).toContain('0 hits, 20 submitted in 2 batches, 20 stored for $0.033')
    expect(first.output).toContain('20 hits, 0 asked for $0')
    expect([first.exitCode, existsSync(`${path}.batches`), existsSync(`${path}.batches.lock`)]).toEqual([
      0,
      false,
      false
    ])
    expect(paid()).toEqual({ batched: questions(20), live: [] })
    const second = await run([path, '--batch-api', '--restart', '--tag', 'faq'])
    expect(second.output).toContain('20 hits, 0 submitted in 0 batches, 0 stored')
    expect(paid()).toEqual({ batched: questions(20), live: [] })
    const { response } = await stand.openai(key).chat.completions.create(chat('Question 0')).withResponse()
    expect(response.headers.get('x-reprise-layer')).toBe('exact')
    expect(response.headers.get('x-reprise-saved-usd')).toBe('0.00037500')
    await fetch(`${stand.gateway.url}/cache/invalidate`, { method: 'POST', body: '{"tag":"faq"}' })
    const third = await run([path, '--batch-api', '--restart', '--tag', 'faq'])
    expect(third.output).toContain('0 hits, 20 submitted in 2 batches')
  })

  it('asks live what failed or expired in its batch, and what no batch takes', async () => {
    await start({
      fate: ({ body }) => {
        const question = questionOf({ body })
        return question === 'Question 0' ? 'error' : question === 'Question 1' ? 'expire' : 'answer'
      }
    })
    const embedding = { model: 'text-embedding-3-small', input: ['e'] }
    const path = file([...mixed(6), { endpoint: '/v1/embeddings', request: embedding }])
    const { exitCode, output } = await run([path, '--batch-api'])
    expect(output).toContain('1 request is nothing for a batch')
    expect(output).toContain('1 request without an answer: expired')
    expect(output).toContain('1 request without an answer: status 500')
    expect(output).toContain('4 hits, 3 asked')
    expect(exitCode).toBe(0)
    expect(paid()).toEqual({ batched: questions(6).slice(2), live: questions(6).slice(0, 2) })
  })

  it('says that a provider takes no batch, and asks live', async () => {
    await start({}, { models: ['claude-haiku-4-5'] })
    stand.provider.fail('none', { status: 400, body: { error: { message: 'Batches are not for you.' } } })
    const { output, progress } = await run([file([message('a')]), '--batch-api'])
    expect(progress).toContain('anthropic takes no batch of claude-haiku-4-5: anthropic answered 400: Batches are not')
    expect(output).toContain('1 request without an answer: the batch was refused')
    expect(output).toContain('0 hits, 1 asked')
    expect(paid()).toEqual({ batched: [], live: ['a'] })
  })

  it('goes on while it is told to wait, and when the provider fails', async () => {
    await start()
    const path = file(mixed(4))
    const busy = { status: 429, headers: { 'retry-after-ms': '5' } }
    stand.provider.fail('none', 'none', 'none', 'none', 'none', busy, { status: 500 }, busy, { status: 529 })
    const { output } = await run([path, '--batch-api'])
    expect(output).toContain('4 submitted in 2 batches, 4 stored')
    expect(paid()).toEqual({ batched: questions(4), live: [] })
  })

  it('submits no second time what got there although the provider said otherwise', async () => {
    let isFirst = true
    await start({
      made: async () => {
        if (!isFirst) return
        isFirst = false
        // What is thrown after the batch has been made is told as a 500.
        throw new Error('Bad gateway')
      }
    })
    const { output } = await run([file([chat('Question 0')]), '--batch-api'])
    expect(output).toContain('1 submitted in 1 batch, 1 stored')
    expect(asked('POST', /\/v1\/batches$/)).toBe(1)
    expect(paid()).toEqual({ batched: ['Question 0'], live: [] })
  })

  it('submits nothing for requests that are sent elsewhere than their batch would be', async () => {
    const routes = [{ model: 'gpt-4o-mini', targets: [{ provider: 'openai', model: 'gpt-4o' }] }]
    await start({}, {}, { routes })
    const { output } = await run([file([chat('Question 0')]), '--batch-api'])
    expect(output).toContain('1 request is nothing for a batch')
    expect(paid()).toEqual({ batched: [], live: ['Question 0'] })
  })

  it('does not go together with a budget, and not twice at a time', async () => {
    await start({ tookMs: Number.POSITIVE_INFINITY })
    const path = file(mixed(2))
    await expect(run([path, '--batch-api', '--budget', '1'])).rejects.toThrow(
      '--budget: expected it without --batch-api'
    )
    const { program } = startProgram(path)
    await until(() => asked('GET', /\/v1\/batches\/batch_/) > 0)
    await expect(run([path, '--batch-api'])).rejects.toThrow('another run works with')
    await killed(program)
  })
})

describe('reprise warm --batch-api, interrupted', { timeout: minute }, () => {
  it.each([
    // The newest batch is asked for, and what follows is never answered.
    ['OpenAI', chat('Question 0'), /\/v1\/files$/],
    ['Anthropic', message('Question 0'), /\/v1\/messages\/batches$/]
  ])('submits what kill -9 has kept from being submitted: %s', async (_, request, path) => {
    await start()
    const requests = file([request])
    stand.provider.fail('none', 'hang')
    const { program } = startProgram(requests)
    await until(() => asked('POST', path) > 0)
    await killed(program)
    expect(readFileSync(`${requests}.batches`, 'utf8')).toContain('"requests":[')
    expect((await run([requests, '--batch-api'])).output).toContain('1 submitted in 1 batch, 1 stored')
    expect(paid()).toEqual({ batched: ['Question 0'], live: [] })
  })

  it.each([
    ['OpenAI', chat],
    ['Anthropic', message]
  ])('finds the batch whose id kill -9 has kept from being noted, among others: %s', async (_, make) => {
    let made = 0
    await start({
      tookMs: Number.POSITIVE_INFINITY,
      made: () => {
        made += 1
        return made === 2 ? new Promise(() => {}) : undefined
      }
    })
    const other = { custom_id: 'other', params: { ...message('Other'), model: 'claude-haiku-4-5', max_tokens: 5 } }
    const anthropic = stand.anthropic(key)
    const others = { requests: [0, 1, 2].map((index) => ({ ...other, custom_id: `other-${index}` })) } as never
    await anthropic.messages.batches.create(others)
    const path = file([0, 1, 2].map((index) => make(`Question ${index}`)))
    const { program } = startProgram(path)
    await until(() => made === 2)
    await killed(program)
    // As many requests as ours has.
    await anthropic.messages.batches.create(others)
    const running = run([path, '--batch-api'])
    await until(() => asked('GET', /batches\?limit=100/) > 2 || asked('GET', /\/v1\/batches\/batch_/) > 0)
    stand.provider.endBatches()
    const { output } = await running
    expect(output).toContain('3 stored')
    expect(paid().batched.filter((question) => question !== 'Other')).toEqual(questions(3))
    expect(paid().live).toEqual([])
  })

  it('picks up batches that are under way after kill -9', async () => {
    await start({ tookMs: Number.POSITIVE_INFINITY })
    const path = file(mixed(10))
    const { program } = startProgram(path)
    await until(() => asked('GET', /batches\/msgbatch_/) > 0)
    await killed(program)
    stand.provider.endBatches()
    const { output } = await run([path, '--batch-api'])
    expect(output).toContain('0 submitted in 0 batches, 10 stored')
    expect(output).toContain('10 hits, 0 asked')
    expect(paid()).toEqual({ batched: questions(10), live: [] })
  })

  it('keeps answers of a batch for who asks for them later', async () => {
    await start({ tookMs: Number.POSITIVE_INFINITY })
    const path = file(mixed(10))
    const { program } = startProgram(path)
    await until(() => asked('GET', /batches\/msgbatch_/) > 0)
    await killed(program)
    stand.provider.endBatches()
    const some = await run([path, '--batch-api', '--limit', '4'])
    expect(some.output).toContain('0 submitted in 0 batches, 4 stored')
    expect(some.progress).toContain('3 answers of the batch')
    expect((await run([path, '--batch-api'])).output).toContain('0 submitted in 0 batches, 6 stored')
    expect(existsSync(`${path}.batches`)).toBe(false)
    expect(paid()).toEqual({ batched: questions(10), live: [] })
  })

  it('goes on storing after kill -9', async () => {
    await start()
    const path = file(mixed(600))
    const { program } = startProgram(path)
    const state = (): string => (existsSync(`${path}.batches`) ? readFileSync(`${path}.batches`, 'utf8') : '')
    await until(() => state().includes('"settled"'))
    await killed(program)
    const settled = state()
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (JSON.parse(line) as { settled?: number[] }).settled ?? []).length
    const { exitCode, output } = await run([path, '--batch-api'])
    expect([exitCode, output]).toEqual([0, expect.stringContaining('600 hits, 0 asked')])
    expect(output).toContain(`0 submitted in 0 batches, ${600 - settled} stored`)
    expect(paid()).toEqual({ batched: questions(600), live: [] })
  })

  it('leaves batches to the provider at ctrl-c, and says so', async () => {
    await start({ tookMs: Number.POSITIVE_INFINITY })
    const path = file(mixed(4))
    const { program, output } = startProgram(path)
    await until(() => asked('GET', /batches\/msgbatch_/) > 0)
    program.kill('SIGINT')
    expect(await once(program, 'close')).toEqual([130, null])
    expect(output()).toContain('batches go on at the provider')
    expect(output()).toContain('the same command picks them up')
    stand.provider.endBatches()
    expect((await run([path, '--batch-api'])).output).toContain('0 submitted in 0 batches, 4 stored')
    expect(paid()).toEqual({ batched: questions(4), live: [] })
  })

  it('ends at the first ctrl-c also while a submission is not answered', async () => {
    await start()
    const path = file([message('Question 0')])
    stand.provider.fail('none', 'hang')
    const { program } = startProgram(path)
    await until(() => asked('POST', /\/v1\/messages\/batches$/) > 0)
    program.kill('SIGINT')
    expect(await once(program, 'close')).toEqual([130, null])
    expect((await run([path, '--batch-api'])).output).toContain('1 submitted in 1 batch, 1 stored')
    expect(paid()).toEqual({ batched: ['Question 0'], live: [] })
  })

  it('notes neither key nor question, for nobody else to read', async () => {
    await start({ tookMs: Number.POSITIVE_INFINITY })
    const path = file(mixed(4))
    const { program } = startProgram(path)
    await until(() => asked('GET', /batches\/msgbatch_/) > 0)
    await killed(program)
    const state = readFileSync(`${path}.batches`, 'utf8')
    expect(state).toContain('"requests":[')
    expect(state).not.toMatch(/Question|sk-|alice|Bearer/)
    expect([`${path}.batches`, `${path}.batches.lock`].map((one) => statSync(one).mode & 0o777)).toEqual([0o600, 0o600])
  })

  it('has what stands in the file several times answered once, for the tags of all', async () => {
    await start()
    const { model, messages } = chat('Question 0')
    const path = file([
      { request: { model, messages }, tags: ['one'] },
      { request: { messages, model }, tags: ['two'] }
    ])
    expect((await run([path, '--batch-api'])).output).toContain('1 submitted in 1 batch, 1 stored')
    expect(paid()).toEqual({ batched: ['Question 0'], live: [] })
    await fetch(`${stand.gateway.url}/cache/invalidate`, { method: 'POST', body: '{"tag":"two"}' })
    expect((await run([path, '--restart'])).output).toContain('1 hit, 1 asked')
  })
})

describe('batches through the gateway', { timeout: minute }, () => {
  it("are OpenAI's, with its official SDK", async () => {
    await start({ fate: ({ customId }) => (customId === 'b' ? 'error' : customId === 'c' ? 'expire' : 'answer') })
    const openai = stand.openai(key)
    const lines = ['a', 'b', 'c'].map((id) =>
      JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body: chat(id) })
    )
    const input = await openai.files.create({
      purpose: 'batch',
      file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl')
    })
    expect(await (await openai.files.content(input.id)).text()).toBe(lines.join('\n'))
    const made = await openai.batches.create({
      input_file_id: input.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { name: 'x' }
    })
    expect(made).toMatchObject({ object: 'batch', status: 'validating', metadata: { name: 'x' } })
    const ended = await openai.batches.retrieve(made.id)
    expect(ended).toMatchObject({ status: 'expired', request_counts: { total: 3, completed: 1, failed: 2 } })
    const output = await (await openai.files.content(ended.output_file_id ?? '')).text()
    expect(JSON.parse(output)).toMatchObject({ custom_id: 'a', response: { status_code: 200 }, error: null })
    const errors = (await (await openai.files.content(ended.error_file_id ?? '')).text()).trim().split('\n')
    expect(errors.map((line) => JSON.parse(line).custom_id).toSorted()).toEqual(['b', 'c'])
    await openai.batches.create({ input_file_id: input.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
    const listed: string[] = []
    for await (const batch of openai.batches.list({ limit: 1 })) listed.push(batch.id)
    expect([listed.length, listed[1]]).toEqual([2, made.id])
    await expect(
      openai.batches.create({ input_file_id: 'file-none', endpoint: '/v1/chat/completions', completion_window: '24h' })
    ).rejects.toThrow('Invalid input file')
    const wrong = await openai.batches.create({
      input_file_id: input.id,
      endpoint: '/v1/responses',
      completion_window: '24h'
    })
    const failed = await openai.batches.retrieve(wrong.id)
    expect([failed.status, failed.errors?.data?.[0]?.code]).toEqual(['failed', 'mismatched_url'])
  })

  it('take more than the gateway reads of a request itself', async () => {
    await start({}, {}, { maxBodyBytes: 1000 })
    const openai = stand.openai(key)
    const bytes = Buffer.alloc(3_000_000, 'x')
    const file = await openai.files.create({ purpose: 'batch', file: await toFile(bytes, 'in.jsonl') })
    expect(file.bytes).toBe(bytes.length)
    const text = await (await openai.files.content(file.id)).text()
    expect(text === bytes.toString()).toBe(true)
  })

  it("are Anthropic's, with its official SDK", async () => {
    await start({ tookMs: Number.POSITIVE_INFINITY })
    const { batches } = stand.anthropic(key).messages
    const requests = ['a', 'b', 'c'].map((id) => ({ custom_id: id, params: message(id) })) as never
    const made = await batches.create({ requests })
    expect(made).toMatchObject({ processing_status: 'in_progress', request_counts: { processing: 3 } })
    const cancelled = await batches.create({ requests })
    await batches.cancel(cancelled.id)
    expect((await batches.retrieve(cancelled.id)).request_counts.canceled).toBe(3)
    stand.provider.endBatches()
    expect(await batches.retrieve(made.id)).toMatchObject({
      processing_status: 'ended',
      request_counts: { succeeded: 3 }
    })
    const results = new Map<string, string>()
    for await (const { custom_id, result } of await batches.results(made.id)) {
      results.set(custom_id, result.type)
    }
    const listed: string[] = []
    for await (const batch of batches.list({ limit: 1 })) listed.push(batch.id)
    expect(listed).toEqual([cancelled.id, made.id])
    await expect(batches.create({ requests: [] })).rejects.toThrow('at least 1 item')
    expect([...results].toSorted()).toEqual([
      ['a', 'succeeded'],
      ['b', 'succeeded'],
      ['c', 'succeeded']
    ])
  })
})
