import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Selection } from '../../src/core/selection.ts'
import type { Report } from '../../src/metrics/report.ts'
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
  statistics(): Promise<Report>
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
    async statistics() {
      return (await (await fetch(`${url}/metrics/cache/statistics`)).json()) as Report
    }
  }
}

/** What is asked to be told a long text, which takes seconds. */
const slowly = 'Slowly, please.'
const longText = 'word'.concat(' word'.repeat(599))

/** A provider whose every other answer is another, and may be held back. */
interface HeldProvider extends SimulatedProvider {
  /** The next call that comes is answered when the function is called that this gives. */
  hold(): () => void
  /** Told the number of each answer before it is made; may wait. */
  begun: (number: number) => Promise<void> | void
}

async function heldProvider(): Promise<HeldProvider> {
  const held: Promise<void>[] = []
  let made = 0
  let begun: HeldProvider['begun'] = () => {}
  const provider = await simulatedProvider({
    delay: { firstTokenMs: 0, perTokenMs: 5 },
    async answer({ lastUserText }) {
      if (lastUserText === slowly) return { text: longText }
      const number = ++made
      const released = held.shift()
      await begun(number)
      await released
      return { text: `answer ${number}` }
    }
  })
  return {
    ...provider,
    get begun() {
      return begun
    },
    set begun(listener) {
      begun = listener
    },
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

/** What one caller was told in a storm. Times are those of one clock that only counts. */
interface Told {
  /** What is the same for equal requests. */
  readonly name: string
  readonly model: string
  readonly tags: readonly string[]
  readonly number: number
  readonly layer: string | null
  /** It was not made for this caller, who shared the call. */
  readonly joined: boolean
  readonly askedAt: number
  readonly endedAt: number
}

interface Invalidation {
  /** What goes: with a tag, to equal requests, of a model; else everything. */
  readonly takes: { readonly tag?: string; readonly name?: string; readonly model?: string }
  readonly startedAt: number
  readonly endedAt: number
}

/** Requests and invalidations at random, and what of them must not have been. */
class Storm {
  readonly #told: Told[] = []
  readonly #invalidations: Invalidation[] = []
  readonly #beganAt = new Map<number, number>()
  #ticks = 0

  tick(): number {
    return ++this.#ticks
  }

  /** The provider has been asked for the answer with that number. */
  began(number: number): void {
    this.#beganAt.set(number, this.tick())
  }

  told(told: Told): void {
    this.#told.push(told)
  }

  invalidated(invalidation: Invalidation): void {
    this.#invalidations.push(invalidation)
  }

  layers(): readonly string[] {
    return [...new Set(this.#told.map(({ layer }) => String(layer)))].sort()
  }

  /** Whoever was told what had been asked for before an invalidation that takes it, and had asked after that was done. */
  violations(): readonly unknown[] {
    return this.#told.flatMap((told) =>
      this.#invalidations
        .filter(({ startedAt, endedAt }) => this.#beginning(told) < startedAt && endedAt < told.askedAt)
        .filter((invalidation) => this.#takes(invalidation, told))
        .map(
          (invalidation) =>
            [
              told,
              invalidation,
              this.#told.filter(({ number }) => number === told.number),
              this.#beginning(told)
            ] as const
        )
    )
  }

  toString(): string {
    return `${this.#told.length} requests and ${this.#invalidations.length} invalidations`
  }

  #beginning({ number }: Told): number {
    return this.#beganAt.get(number) ?? Number.NaN
  }

  #takes({ takes: { tag, name, model }, startedAt }: Invalidation, told: Told): boolean {
    if (model !== undefined) return model === told.model
    const same = this.#told.filter(({ number }) => number === told.number)
    // It is stored for the request for which it was made.
    if (name !== undefined) return same.some((one) => one.layer === 'provider' && one.name === name)
    if (tag === undefined || told.tags.includes(tag)) return true
    // The tags of whom it was made for, and of each whom the entry had answered before.
    return same.some(
      ({ layer, joined, tags, endedAt }) =>
        !joined && tags.includes(tag) && (layer === 'provider' || endedAt < startedAt)
    )
  }
}

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
      const isUp = async (): Promise<boolean> => (await ask(gateway, plain, 'Is anybody there?')).layer === 'exact'
      await vi.waitUntil(isUp, { timeout: 20_000 })
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
      stale: told.headers.get('x-reprise-stale') === 'true',
      joined: told.headers.get('cache-status')?.includes('collapsed') === true
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

  it('forget a stream of which its caller has seen the beginning', async () => {
    const headers = { 'x-reprise-tags': 'masterplan:42', 'x-reprise-scope': scope }
    const body = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: slowly }] }
    const stream = await a.openai().chat.completions.create({ ...body, stream: true }, { headers })
    let text = ''
    for await (const { choices } of stream) {
      if (text === '') {
        await b.invalidate({ tag: 'masterplan:42' })
        expect(provider.calls[0]?.outcome).toBe('pending')
      }
      text += choices[0]?.delta.content ?? ''
    }
    expect(text).toBe(longText)
    for (const gateway of [a, b]) expect(await cached(gateway, plain, slowly)).toBeUndefined()
    expect((await ask(b, streaming, slowly)).layer).toBe('provider')
    expect(await ask(a, plain, slowly)).toMatchObject({ text: longText, layer: 'exact' })
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
    const { failed } = (await a.statistics()).refreshes
    expect(await b.invalidate({ tag: 'masterplan:42' })).toBe(1)
    expect([await cached(a, plain, content), await cached(b, plain, content)]).toEqual([undefined, undefined])
    letGo()
    // What it has brought is not stored: it has failed.
    await expect.poll(async () => (await a.statistics()).refreshes.failed, { timeout: 10_000 }).toBe(failed + 1)
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
    const misses = async (): Promise<number> => (await a.statistics()).llm_semantic_cache.total_misses
    const known = await misses()
    const joining = ask(a, plain, content, tagged('b'))
    await expect.poll(misses, { timeout: 10_000 }).toBe(known + 1)
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

  it('tell nobody who asks after an invalidation what was asked for before it, whatever happens at the same time', async () => {
    const seed = Date.now() % 1_000_000
    const random = seeded(seed)
    const among = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
    const models = ['gpt-4o', 'gpt-4o-mini']
    // Two of them mean the same as the other two.
    const contents = ['the plan of the house', 'of the house the plan', 'a map for my garden', 'for my garden a map']
    const tags = ['a', 'b', 'c', 'd']
    const keys = new Map<string, string>()
    const storm = new Storm()
    provider.begun = async (number) => {
      storm.began(number)
      await delay(random() * 25)
    }
    const untilMs = Date.now() + 20_000
    let left = 800

    async function asks(): Promise<void> {
      while (left-- > 0 && Date.now() < untilMs) {
        const [gateway, door, model, content] = [
          among([a, b]),
          among([plain, streaming]),
          among(models),
          among(contents)
        ]
        const own = tags.filter(() => random() < 0.25)
        const headers = {
          'x-reprise-tags': own.join(','),
          ...(random() < 0.05 ? { 'cache-control': 'no-cache' } : {})
        }
        const asked = { name: `${model} ${content}`, model, tags: own, askedAt: storm.tick() }
        const { text, layer, key, joined } = await ask(gateway, door, content, { model, headers })
        storm.told({ ...asked, number: numberOf(text), layer, joined, endedAt: storm.tick() })
        if (layer === 'exact') keys.set(asked.name, key)
      }
    }

    async function invalidates(): Promise<void> {
      while (left > 0 && Date.now() < untilMs) {
        const by = random()
        const [name = '', key = ''] = among([...keys].concat([['', '']]))
        const [model, tag] = [among(models), among(tags)]
        const selected: readonly [Selection, Invalidation['takes']] =
          by < 0.6 || key === ''
            ? [{ tag }, { tag }]
            : by < 0.8
              ? [among([{ key }, { prefix: key.slice(0, -9) }, { pattern: `llm:*${key.slice(-20)}` }]), { name }]
              : by < 0.9
                ? [{ model }, { model }]
                : [among([{ kind: 'llm' }, { all: true }]), {}]
        const startedAt = storm.tick()
        await among([a, b]).invalidate(selected[0])
        storm.invalidated({ takes: selected[1], startedAt, endedAt: storm.tick() })
        await delay(random() * 60)
      }
    }

    await Promise.all([...Array.from({ length: 10 }, asks), invalidates(), invalidates()])
    provider.begun = () => {}
    expect(storm.violations(), `with the seed ${seed}, after ${storm}: ${JSON.stringify(storm.violations())}`).toEqual(
      []
    )
    // It has been a storm: each layer has answered, and calls were made while others invalidated.
    expect(storm.layers()).toEqual(['exact', 'provider', 'semantic'])
    for (const model of models) {
      for (const content of contents) {
        // What is found by its meaning may be found at one before it is at the other.
        const asked = { model, headers: { 'x-portkey-cache': 'simple' } }
        const first = await ask(a, plain, content, asked)
        expect((await ask(b, plain, content, asked)).text).toBe(first.text)
      }
    }
  })
})

/** A process with a cache before a search, and what it is told. */
class RetrievalProcess {
  readonly #child: ChildProcess
  readonly #messages: RetrievalMessage[] = []
  readonly #listeners = new Set<() => void>()
  #orders = 0

  constructor(store: string) {
    this.#child = fork(join(import.meta.dirname, '../support/retrieval-worker.ts'), [store], {
      execArgv: ['--import', 'tsx']
    })
    this.#child.on('message', (said: RetrievalMessage) => {
      this.#messages.push(said)
      for (const listen of this.#listeners) listen()
    })
    this.#child.on('exit', () => {
      for (const listen of this.#listeners) listen()
    })
  }

  get searches(): number {
    return this.#messages.filter(({ type }) => type === 'searching').length
  }

  ready(): Promise<unknown> {
    return this.#message(({ type }) => type === 'ready')
  }

  /** Resolves when so many searches have begun since it was started. */
  searched(times: number): Promise<unknown> {
    return this.#message(() => this.searches >= times)
  }

  async ask(query: string): Promise<Retrieved> {
    return (await this.#answered({ do: 'ask', number: ++this.#orders, query, onlyIfCached: false })) as Retrieved
  }

  /** What is in the cache; null when there is nothing. */
  async cached(query: string): Promise<Retrieved | null> {
    return (await this.#answered({ do: 'ask', number: ++this.#orders, query, onlyIfCached: true })) as Retrieved | null
  }

  async invalidate(selection: Selection): Promise<number> {
    return (await this.#answered({ do: 'invalidate', number: ++this.#orders, selection })) as number
  }

  /** What the search that has waited for longest finds: documents with these ids. */
  find(...ids: readonly number[]): void {
    this.#child.send({ do: 'find', documents: ids.map((id) => ({ id })) } satisfies RetrievalOrder)
  }

  /** Asks, and finds something if it is searched. */
  async asking(query: string, ...ids: readonly number[]): Promise<Retrieved> {
    const before = this.searches
    const asked = this.ask(query)
    await Promise.race([asked, this.searched(before + 1)])
    if (this.searches > before) this.find(...ids)
    return asked
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.send({ do: 'close' } satisfies RetrievalOrder)
    expect(await exited).toEqual([0, null])
  }

  async #answered(order: RetrievalOrder & { readonly number: number }): Promise<unknown> {
    this.#child.send(order)
    const done = await this.#message((said) => said.type === 'done' && said.number === order.number)
    return done.type === 'done' ? done.result : undefined
  }

  #message(fits: (said: RetrievalMessage) => boolean): Promise<RetrievalMessage> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#messages.find(fits)
        if (found === undefined && this.#child.exitCode === null && this.#child.signalCode === null) return
        this.#listeners.delete(look)
        if (found === undefined) reject(new Error('the process has ended'))
        else resolve(found)
      }
      this.#listeners.add(look)
      look()
    })
  }
}

describe.each(places.slice(0, 3))('two processes that search, and share %s', (_, open) => {
  let a: RetrievalProcess
  let b: RetrievalProcess

  beforeAll(async () => {
    const { store } = await open()
    ;[a, b] = [new RetrievalProcess(store), new RetrievalProcess(store)]
    await Promise.all([a.ready(), b.ready()])
    for (const one of [a, b]) {
      const isUp = async (): Promise<boolean> => (await one.asking('anything', 0)).layer === 'exact'
      await vi.waitUntil(isUp, { timeout: 20_000 })
    }
  })
  afterAll(async () => {
    await a.close()
    await b.close()
  })

  it('forget what a search finds when one of its documents changes meanwhile', async () => {
    const before = a.searches
    const asked = a.ask('what is new')
    await a.searched(before + 1)
    expect(await b.invalidate({ tag: 'document:7' })).toBe(0)
    a.find(7, 8)
    expect(await asked).toEqual({ documents: [{ id: 7 }, { id: 8 }], layer: 'provider', stored: false })
    const after = await b.asking('what is new', 7, 9)
    expect(after).toEqual({ documents: [{ id: 7 }, { id: 9 }], layer: 'provider', stored: true })
    expect(await a.asking('what is new')).toMatchObject({ documents: after.documents, layer: 'exact' })
  })

  it('keep what a search finds when only others change', async () => {
    const before = a.searches
    const asked = a.ask('where is the library')
    await a.searched(before + 1)
    await b.invalidate({ tag: 'document:7' })
    a.find(8)
    expect((await asked).stored).toBe(true)
    expect(await b.asking('where is the library')).toMatchObject({ documents: [{ id: 8 }], layer: 'exact' })
  })

  it('search anew for who asks after a document has changed, though somebody still searches', async () => {
    const before = a.searches
    const first = a.ask('who wrote it')
    await a.searched(before + 1)
    await b.invalidate({ tag: 'document:7' })
    const later = a.ask('who wrote it')
    await a.searched(before + 2)
    a.find(7, 1)
    expect((await first).documents).toEqual([{ id: 7 }, { id: 1 }])
    a.find(7, 2)
    expect((await later).documents).toEqual([{ id: 7 }, { id: 2 }])
    for (const one of [a, b]) {
      expect(await one.asking('who wrote it')).toMatchObject({ documents: [{ id: 7 }, { id: 2 }], layer: 'exact' })
    }
  })

  it('forget with a document what was found by the same words and by others, at both', async () => {
    const query = 'How do I reset my password?'
    const reworded = 'How can I reset my password please?'
    const stored = await a.asking(query, 70, 71)
    expect(stored.stored).toBe(true)
    // Vectors are followed, not waited for.
    await expect.poll(() => b.cached(reworded), { timeout: 10_000 }).toMatchObject({ layer: 'semantic' })
    expect(await b.invalidate({ tag: 'document:70' })).toBe(1)
    for (const one of [a, b]) expect([await one.cached(query), await one.cached(reworded)]).toEqual([null, null])
    expect(await a.asking(reworded, 72)).toMatchObject({ documents: [{ id: 72 }], layer: 'provider' })
  })
})
