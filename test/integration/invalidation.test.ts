import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Selection } from '../../src/core/selection.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { type Ask, type Caller, chat, message } from '../support/fleet-callers.ts'
import { listening, type Program, startProgram } from '../support/program.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { findRedis8 } from '../support/redis8-server.ts'
import type { RetrievalMessage, RetrievalOrder, Retrieved } from '../support/retrieval-worker.ts'
import { spellingModel } from '../support/static-model.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { seeded } from '../support/unit-vectors.ts'

const redis8 = await findRedis8()
const adminToken = 'invalidation-tests'

/** How a gateway's store is named, and what else it is started with. */
interface Place {
  readonly store: string
  readonly flags: readonly string[]
}

const home: TemporaryFolder = temporaryFolder()
const servers: RedisServer[] = []

async function redis(binary?: string, flags: readonly string[] = []): Promise<Place> {
  const server = await startRedisServer(binary === undefined ? {} : { binary })
  servers.push(server)
  return { store: server.url, flags }
}

const places: [string, () => Promise<Place>][] = [
  ['an embedded folder', async () => ({ store: `embedded:${join(home.path, 'store')}`, flags: [] })],
  ['a Redis', () => redis()]
]
if (redis8 !== undefined) {
  places.push(['a Redis 8', () => redis(redis8)])
  places.push(['Redis 8 Vector Sets', () => redis(redis8, ['--vectors', 'redis'])])
}

beforeAll(() => spellingModel(join(home.path, 'model')))

afterAll(async () => {
  for (const server of servers) await server.stop()
  home.remove()
})

/** A gateway as its users start it, and official clients of it. */
interface RunningGateway {
  readonly program: Program
  openai(): OpenAI
  anthropic(): Anthropic
  /** Through its administrative interface; how many went. */
  invalidate(selection: Selection): Promise<number>
  /** How often it has asked anew in the background. */
  refreshes(): Promise<{ readonly ok: number; readonly failed: number }>
}

async function startGateway({ store, flags }: Place, provider: SimulatedProvider): Promise<RunningGateway> {
  const settings = {
    port: '0',
    store,
    'openai-url': provider.openaiUrl,
    'anthropic-url': provider.anthropicUrl,
    // What is slow here is not wrong.
    deadline: '10s',
    embedder: `static:${join(home.path, 'model')}`,
    'min-similarity': '0.99'
  }
  const given = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const program = startProgram(['serve', ...given, ...flags], { REPRISE_ADMIN_TOKEN: adminToken })
  const url = await listening(program)
  const quietly = { apiKey: 'sk-alice', maxRetries: 0, logLevel: 'off' } as const
  const [openai, anthropic] = [
    new OpenAI({ baseURL: `${url}/v1`, ...quietly }),
    new Anthropic({ baseURL: url, ...quietly })
  ]
  return {
    program,
    openai: () => openai,
    anthropic: () => anthropic,
    async invalidate(selection) {
      const response = await fetch(`${url}/cache/invalidate`, {
        method: 'POST',
        headers: { 'x-reprise-admin-token': adminToken },
        body: JSON.stringify(selection)
      })
      const { count } = (await response.json()) as { readonly count: number }
      if (response.status !== 200) throw new Error(`invalidation was answered with ${response.status}`)
      return count
    },
    async refreshes() {
      const response = await fetch(`${url}/metrics/cache/statistics`)
      return ((await response.json()) as { readonly refreshes: { ok: number; failed: number } }).refreshes
    }
  }
}

/** A provider whose every answer is another, and may be held back. */
interface HeldProvider extends SimulatedProvider {
  /** The next call that comes is answered when the function is called that this gives. */
  hold(): () => void
  /** When it was asked for each answer, by the answer's number; by default not noted. */
  noted: (number: number) => Promise<void> | void
}

async function heldProvider(): Promise<HeldProvider> {
  const held: Promise<void>[] = []
  let made = 0
  const provider = await simulatedProvider({
    async answer() {
      const number = ++made
      const released = held.shift()
      await own.noted(number)
      await released
      return { text: `answer ${number}` }
    }
  })
  const own: HeldProvider = {
    ...provider,
    noted: () => {},
    hold() {
      let letGo = (): void => {}
      held.push(
        new Promise((resolve) => {
          letGo = resolve
        })
      )
      return letGo
    }
  }
  return own
}

function numberOf(text: string): number {
  return Number(/^answer (\d+)$/.exec(text)?.[1] ?? Number.NaN)
}

interface Door {
  readonly caller: Caller
  readonly stream: boolean
}

const plain: Door = { caller: chat, stream: false }
const streaming: Door = { caller: chat, stream: true }
const anthropic: Door = { caller: message, stream: false }

const selections: [string, (key: string) => Selection][] = [
  ['tag', () => ({ tag: 'masterplan:42' })],
  ['key', (key) => ({ key })],
  ['prefix', (key) => ({ prefix: key.slice(0, -50) })],
  ['pattern', (key) => ({ pattern: `llm:*${key.slice(-50, -10)}??????????` })],
  ['model', (key) => ({ model: key.split(':')[1] ?? '' })],
  ['kind', () => ({ kind: 'llm' })],
  ['all', () => ({ all: true })]
]

describe.each(places)('two gateways that share %s', (_, open) => {
  let provider: HeldProvider
  let a: RunningGateway
  let b: RunningGateway
  let tests = 0
  /** Of a test's own, so that nothing is found that another has asked. */
  let scope = ''

  beforeAll(async () => {
    provider = await heldProvider()
    const place = await open()
    a = await startGateway(place, provider)
    b = await startGateway(place, provider)
    // A connection is made in the background.
    for (const gateway of [a, b]) {
      await expect.poll(async () => (await ask(gateway, plain, 'Is anybody there?')).layer).toBe('exact')
    }
  })
  beforeEach(async () => {
    scope = `test ${++tests}`
    await a.invalidate({ all: true })
    provider.reset()
  })
  afterAll(async () => {
    for (const { program } of [a, b]) {
      program.process.kill('SIGTERM')
      expect(await program.ended).toBe(0)
    }
    await provider.close()
  })

  async function ask(gateway: RunningGateway, { caller, stream }: Door, content: string, own: Ask = {}) {
    const headers = { 'x-reprise-tags': 'masterplan:42', 'x-reprise-scope': scope, ...own.headers }
    const told = await caller(gateway, content, { ...own, stream, headers })
    return {
      text: told.text,
      layer: told.headers.get('x-reprise-layer'),
      key: told.headers.get('x-reprise-entry') ?? '',
      stale: told.headers.get('x-reprise-stale') === 'true'
    }
  }

  /** What is in the cache for such a request; undefined when nothing is. */
  async function cached(gateway: RunningGateway, door: Door, content: string) {
    const asking = ask(gateway, door, content, { headers: { 'cache-control': 'only-if-cached' } })
    return asking.catch((error: { readonly status?: unknown }) => {
      if (error.status === 504) return undefined
      throw error
    })
  }

  const providerAsked = (times: number) => expect.poll(() => provider.count(), { timeout: 10_000 }).toBe(times)

  describe.each([
    ['plainly', plain],
    ['with a stream', streaming],
    ['in the dialect of Anthropic', anthropic]
  ] as const)('asked %s', (_name, door) => {
    it.each(door === anthropic ? selections.slice(0, 1) : selections)(
      'forget by %s at one what the other is being told, and find what is told afterwards at both',
      async (_by, of) => {
        const content = 'What is the plan?'
        const first = await ask(a, door, content)
        const { key, text } = await ask(b, door, content)
        expect([text, provider.count()]).toEqual([first.text, 1])
        expect(await b.invalidate(of(key))).toBe(1)

        const letGo = provider.hold()
        const asking = ask(a, door, content)
        await providerAsked(2)
        expect(await b.invalidate(of(key))).toBe(0)
        letGo()
        const before = await asking
        expect(before).toMatchObject({ layer: 'provider' })
        expect(before.text).not.toBe(first.text)
        expect([await cached(a, door, content), await cached(b, door, content)]).toEqual([undefined, undefined])

        // Of either one is the first to ask again.
        const after = await ask(door === plain ? b : a, door, content)
        expect(provider.count()).toBe(3)
        expect(after.text).not.toBe(before.text)
        for (const gateway of [a, b]) {
          expect(await ask(gateway, door, content)).toMatchObject({ text: after.text, layer: 'exact' })
        }
        expect(provider.count()).toBe(3)
      }
    )
  })

  it('forget the rest of a stream that its caller has seen the beginning of', async () => {
    const slow = await simulatedProvider({
      answer: () => ({ text: 'word '.repeat(80) }),
      chunkTokens: 4,
      delay: { firstTokenMs: 0, perTokenMs: 40 }
    })
    const place = await open()
    const [one, other] = [await startGateway(place, slow), await startGateway(place, slow)]
    await expect.poll(async () => (await other.invalidate({ all: true })) >= 0).toBe(true)
    const headers = { 'x-reprise-tags': 'masterplan:42' }
    const body = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Slowly, please.' }] }
    const stream = await one.openai().chat.completions.create({ ...body, stream: true }, { headers })
    let text = ''
    let invalidated = false
    let eventsAfter = 0
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? ''
      if (invalidated) eventsAfter += 1
      if (invalidated || text === '') continue
      await other.invalidate({ tag: 'masterplan:42' })
      invalidated = true
      // What has come meanwhile is read at once; what has not is still being made.
      expect(slow.calls.at(-1)?.outcome).toBe('pending')
    }
    expect(text.trim()).toBe('word '.repeat(80).trim())
    expect(eventsAfter).toBeGreaterThan(0)
    for (const gateway of [one, other]) {
      const cachedOnly = { headers: { ...headers, 'cache-control': 'only-if-cached' } }
      await expect(gateway.openai().chat.completions.create(body, cachedOnly)).rejects.toMatchObject({ status: 504 })
      gateway.program.process.kill('SIGTERM')
      expect(await gateway.program.ended).toBe(0)
    }
    await slow.close()
  })

  it.each(['before', 'after'])(
    'let nobody who asks afterwards share the call, also when it ends %s that of those who came later',
    async (order) => {
      const content = 'What is the plan?'
      const [letFirstGo, letSecondGo] = [provider.hold(), provider.hold()]
      const first = ask(a, plain, content)
      await providerAsked(1)
      await b.invalidate({ tag: 'masterplan:42' })
      const later = ask(a, plain, content)
      await providerAsked(2)
      // Shares the second call, or finds what it has brought.
      const latest = ask(a, streaming, content)
      if (order === 'before') {
        letFirstGo()
        await first
        letSecondGo()
      } else {
        letSecondGo()
        await later
        letFirstGo()
      }
      const [before, after] = [await first, await later]
      expect(after.text).not.toBe(before.text)
      expect((await latest).text).toBe(after.text)
      for (const gateway of [a, b]) expect((await cached(gateway, plain, content))?.text).toBe(after.text)
      expect(provider.count()).toBe(2)
    }
  )

  it('do not bring it back by asking anew in the background', async () => {
    const content = 'What is the plan?'
    const windows = { 'x-reprise-ttl': '50ms', 'x-reprise-stale-while-revalidate': '1h' }
    const old = await ask(a, plain, content, { headers: windows })
    const letGo = provider.hold()
    // The first hit past its time to live has it asked anew.
    await expect.poll(async () => (await ask(a, plain, content, { headers: windows })).stale).toBe(true)
    await providerAsked(2)
    const { failed } = await a.refreshes()
    expect(await b.invalidate({ tag: 'masterplan:42' })).toBe(1)
    expect([await cached(a, plain, content), await cached(b, plain, content)]).toEqual([undefined, undefined])
    letGo()
    // What it has brought is not stored: it has failed.
    await expect.poll(async () => (await a.refreshes()).failed, { timeout: 10_000 }).toBe(failed + 1)
    expect([await cached(a, plain, content), await cached(b, plain, content)]).toEqual([undefined, undefined])
    const after = await ask(a, plain, content)
    expect(after).toMatchObject({ layer: 'provider' })
    expect(after.text).not.toBe(old.text)
    expect((await cached(b, plain, content))?.text).toBe(after.text)
  })

  it('do not share a call in the background with those who ask afterwards', async () => {
    const content = 'What is the plan?'
    const windows = { 'x-reprise-ttl': '50ms', 'x-reprise-stale-while-revalidate': '1h' }
    await ask(a, plain, content, { headers: windows })
    const letGo = provider.hold()
    await expect.poll(async () => (await ask(a, plain, content, { headers: windows })).stale).toBe(true)
    await providerAsked(2)
    await b.invalidate({ tag: 'masterplan:42' })
    // It asks past the cache too, as what is asked in the background does.
    const after = await ask(a, plain, content, { headers: { 'cache-control': 'no-cache' } })
    expect([after.text, provider.count()]).toEqual([`answer ${numberOf(after.text)}`, 3])
    letGo()
    for (const gateway of [a, b]) expect((await cached(gateway, plain, content))?.text).toBe(after.text)
  })

  it('forget an answer with the tag of each whom it has answered, at either', async () => {
    const content = 'What is the plan?'
    const tagged = (tag: string) => ({ headers: { 'x-reprise-tags': tag } })
    const first = await ask(a, plain, content, tagged('a'))
    expect(await ask(b, plain, content, tagged('b'))).toMatchObject({ text: first.text, layer: 'exact' })
    expect(await a.invalidate({ tag: 'b' })).toBe(1)
    expect([await cached(a, plain, content), await cached(b, plain, content)]).toEqual([undefined, undefined])

    const second = await ask(b, plain, content, tagged('b'))
    expect(second.text).not.toBe(first.text)
    // Whoever has another tag that went after the answer was made has it made anew.
    expect(await a.invalidate({ tag: 'c' })).toBe(0)
    const third = await ask(a, plain, content, tagged('c'))
    expect(third).toMatchObject({ layer: 'provider' })
    expect((await ask(b, plain, content, tagged('b'))).text).toBe(third.text)
  })

  it('forget an answer with the tag of each who has shared its call', async () => {
    const content = 'What is the plan?'
    const tagged = (tag: string) => ({ headers: { 'x-reprise-tags': tag } })
    const letGo = provider.hold()
    const first = ask(a, plain, content, tagged('a'))
    await providerAsked(1)
    const joining = ask(a, plain, content, tagged('b'))
    await expect.poll(joined).toBe(1)
    letGo()
    expect((await joining).text).toBe((await first).text)
    expect(provider.count()).toBe(1)
    expect(await b.invalidate({ tag: 'b' })).toBe(1)
    expect([await cached(a, plain, content), await cached(b, plain, content)]).toEqual([undefined, undefined])
  })

  describe('by meaning', () => {
    const content = 'please tell me what the capital of france is'
    const reworded = 'tell me please what the capital of france is'

    /** One after the other, until each finds by meaning what is stored. */
    async function bothFind(text: string): Promise<void> {
      for (const gateway of [a, b]) {
        await expect
          .poll(async () => cached(gateway, plain, reworded), { timeout: 10_000 })
          .toMatchObject({ text, layer: 'semantic' })
      }
    }

    it.each(selections)('do not find what was invalidated by %s', async (_by, of) => {
      const { text, key } = await ask(a, plain, content)
      await bothFind(text)
      expect(await b.invalidate(of(key))).toBe(1)
      for (const gateway of [a, b]) expect(await cached(gateway, plain, reworded)).toBeUndefined()
      const after = await ask(b, plain, reworded)
      expect(after).toMatchObject({ layer: 'provider' })
      expect(after.text).not.toBe(text)
    })

    it('do not find what was invalidated while it was being made', async () => {
      const letGo = provider.hold()
      const asking = ask(a, plain, content)
      await providerAsked(1)
      await b.invalidate({ tag: 'masterplan:42' })
      letGo()
      const { text } = await asking
      for (const gateway of [a, b]) expect(await cached(gateway, plain, reworded)).toBeUndefined()
      const after = await ask(b, plain, content)
      expect(after.text).not.toBe(text)
      await bothFind(after.text)
    })

    it('forget an answer with the tag of one who asked in other words', async () => {
      const { text } = await ask(a, plain, content)
      await bothFind(text)
      expect(await ask(b, plain, reworded, { headers: { 'x-reprise-tags': 'b' } })).toMatchObject({
        text,
        layer: 'semantic'
      })
      expect(await a.invalidate({ tag: 'b' })).toBe(1)
      for (const gateway of [a, b]) {
        expect(await cached(gateway, plain, content)).toBeUndefined()
        expect(await cached(gateway, plain, reworded)).toBeUndefined()
      }
    })
  })
})
