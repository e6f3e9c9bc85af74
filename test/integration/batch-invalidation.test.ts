import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { warm } from '../../src/cli/warm.ts'
import type { Event } from '../../src/core/events.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const key = 'sk-alice'
const environment = { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: key, XDG_CACHE_HOME: '/nonexistent' }
const patience = { settleMs: 20, firstWaitMs: 5, longestWaitMs: 20 }
const invalidated = 'the answer was not stored: it has been invalidated since it was asked for'

let redis: RedisServer
let folder: TemporaryFolder
let stand: Stand
/** What the store was to do and did not. */
const failures: string[] = []
const programs: ChildProcess[] = []

beforeAll(async () => {
  redis = await startRedisServer()
})
afterAll(() => redis.stop())
beforeEach(() => {
  folder = temporaryFolder()
  failures.length = 0
})
afterEach(async () => {
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  await stand.close()
  folder.remove()
})

function note(event: Event): void {
  if (event.type === 'failed') failures.push(event.operation)
}

/** A gateway before a provider whose batches go on until they are ended. */
async function start(store: string): Promise<void> {
  const address = store === 'redis' ? redis.url : `embedded:${join(folder.path, 'store')}`
  if (store === 'redis') await redis.ask('FLUSHALL')
  stand = await makeStand(
    { store: address, deadlineMs: 10_000, observe: note },
    { batches: { tookMs: Number.POSITIVE_INFINITY }, answer: ({ endpoint }) => ({ text: `By ${endpoint}.` }) }
  )
}

function chat(question: string) {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: question }] }
}

/** As many of both dialects; `tagged` bear a tag of their own. */
function file(questions: readonly string[], tagged: readonly string[] = []): string {
  const lines = questions.map((question, index) => {
    const request = index % 2 === 0 ? chat(question) : { ...chat(question), model: 'claude-haiku-4-5', max_tokens: 500 }
    const endpoint = index % 2 === 0 ? '/v1/chat/completions' : '/v1/messages'
    return { endpoint, request, ...(tagged.includes(question) ? { tags: [`about:${question}`] } : {}) }
  })
  const path = join(folder.path, 'requests.jsonl')
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

async function run(path: string): Promise<string> {
  let output = ''
  await warm([path, '--batch-api', '--url', stand.gateway.url], {
    environment,
    output: { write: (text) => (output += text) },
    progress: { write() {} },
    end() {},
    patience
  })
  return output
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Whether the batches of both dialects have been looked at. */
function areUnderWay(): boolean {
  return ['/v1/batches/batch_', '/v1/messages/batches/msgbatch_'].every((path) =>
    stand.provider.calls.some((call) => call.method === 'GET' && call.path.startsWith(path))
  )
}

/** The command as a process of its own, killed when its batches are under way. */
async function runAndKill(path: string): Promise<void> {
  const script = join(import.meta.dirname, '../support/warm-worker.ts')
  const flags = ['--import', 'tsx', script, path, '--batch-api', '--url', stand.gateway.url]
  const program = spawn(process.execPath, flags, {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] ?? '', ...environment }
  })
  programs.push(program)
  await until(areUnderWay)
  program.kill('SIGKILL')
  await once(program, 'close')
}

async function invalidate(selection: JsonObject): Promise<void> {
  const answer = await fetch(`${stand.gateway.url}/cache/invalidate`, {
    method: 'POST',
    body: JSON.stringify(selection)
  })
  expect(answer.status).toBe(200)
}

/** The key of the entry that a request would have. */
async function entryOf(question: string): Promise<string> {
  const { response } = await stand.openai(key).chat.completions.create(chat(question)).withResponse()
  const entry = response.headers.get('x-reprise-entry') ?? ''
  await invalidate({ key: entry })
  stand.provider.reset()
  return entry
}

function questionOf({ body }: { readonly body: JsonObject | undefined }): string {
  return (body as ReturnType<typeof chat> | undefined)?.messages[0]?.content ?? ''
}

function paid(): { readonly batched: readonly string[]; readonly live: readonly string[] } {
  const live = stand.provider.calls.filter(({ endpoint }) => endpoint === 'chat' || endpoint === 'messages')
  return { batched: stand.provider.batched.map(questionOf).toSorted(), live: live.map(questionOf).toSorted() }
}

describe.each(['embedded', 'redis'])(
  'what is invalidated while its batch is under way: %s',
  { timeout: 60_000 },
  (store) => {
    it('is not stored, by tag or by key or by model, and asked live in the same run', async () => {
      await start(store)
      const entry = await entryOf('c')
      const running = run(file(['a', 'b', 'c', 'd', 'e', 'f'], ['a', 'b', 'f']))
      await until(areUnderWay)
      await invalidate({ tag: 'about:a' })
      await invalidate({ tag: 'about:b' })
      await invalidate({ key: entry })
      await invalidate({ tag: 'about:nothing' })
      stand.provider.endBatches()
      const output = await running
      expect(output).toContain('6 submitted in 2 batches, 3 stored')
      expect(output).toContain(`3 requests without an answer: ${invalidated}`)
      expect(output).toContain('3 hits, 3 asked')
      expect(paid()).toEqual({ batched: ['a', 'b', 'c', 'd', 'e', 'f'], live: ['a', 'b', 'c'] })
    })

    it('is not stored by a later run either', async () => {
      await start(store)
      const path = file(['a', 'b', 'c', 'd'])
      await runAndKill(path)
      await invalidate({ model: 'gpt-4o-mini' })
      stand.provider.endBatches()
      const output = await run(path)
      expect(output).toContain('0 submitted in 0 batches, 2 stored')
      expect(output).toContain(`2 requests without an answer: ${invalidated}`)
      expect(paid()).toEqual({ batched: ['a', 'b', 'c', 'd'], live: ['a', 'c'] })
      expect(existsSync(`${path}.batches`)).toBe(false)
    })

    it('may be anything that was asked for before the store can remember', async () => {
      await start(store)
      const path = file(['a', 'b'])
      await runAndKill(path)
      const state = readFileSync(`${path}.batches`, 'utf8')
      expect(state.match(/"mark":\d{16}/g)).toHaveLength(2)
      writeFileSync(`${path}.batches`, state.replaceAll(/"mark":\d+/g, '"mark":5'))
      stand.provider.endBatches()
      const output = await run(path)
      expect(output).toContain('or that is so long ago that the store no longer knows')
      expect(output).toContain('0 hits, 2 asked')
      expect(paid()).toEqual({ batched: ['a', 'b'], live: ['a', 'b'] })
    })
  }
)

describe('a store that does not answer', { timeout: 60_000 }, () => {
  it('is submitted nothing for, because its answers would be paid for in vain', async () => {
    await start('redis')
    const path = file(['a', 'b'])
    await redis.kill()
    await expect(run(path)).rejects.toThrow('does not answer: nothing is submitted')
    expect(paid()).toEqual({ batched: [], live: [] })
    await redis.restart()
  })

  it('is brought again what has been paid for, until it takes it', async () => {
    await start('redis')
    const running = run(file(['a', 'b']))
    await until(areUnderWay)
    await redis.ask('CONFIG SET maxmemory 1')
    stand.provider.endBatches()
    await until(() => failures.includes('set'))
    await redis.ask('CONFIG SET maxmemory 0')
    expect(await running).toContain('2 hits, 0 asked')
    expect(paid()).toEqual({ batched: ['a', 'b'], live: [] })
  })
})
