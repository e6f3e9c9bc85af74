import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Fault } from '../../src/testing/simulated-provider.ts'
import { seeded } from './unit-vectors.ts'

export interface MixedTrafficOptions {
  /** The gateway's. */
  readonly url: string
  readonly adminToken: string
  readonly requests: number
  /** The same seed, the same requests. */
  readonly seed: number
  /** How many are under way at the same time. Default: 32. */
  readonly callers?: number
  /** Told how many have been sent, with each. */
  readonly sent?: (count: number) => void
}

/** What was sent, as the cache counts it: each input of a batch of embeddings is a request of its own. */
export interface Sent {
  readonly byKind: Readonly<Record<'llm' | 'embedding', number>>
  readonly invalidations: number
  /** What has become of the exchanges, as the callers saw it: a status, `left` or `broken off`. */
  readonly seen: ReadonlyMap<string, number>
}

const chatModels = ['gpt-4o', 'gpt-4o-mini']
const subjects = ['tulips', 'harbours', 'cellos', 'glaciers', 'bakeries', 'lighthouses', 'orchards', 'ferries']
const verbs = ['explain', 'describe', 'summarise', 'praise']
/** What a caller may say of the cache, and how often. */
const controls: readonly (readonly [share: number, headers: Readonly<Record<string, string>>])[] = [
  [0.04, { 'cache-control': 'no-store' }],
  [0.04, { 'cache-control': 'no-cache' }],
  [0.04, { 'cache-control': 'only-if-cached' }],
  [0.02, { 'cache-control': 'only-if-cached, max-stale=60' }],
  [0.03, { 'cache-control': 'max-age=1' }],
  [0.03, { 'cache-control': 'max-stale' }],
  [0.02, { 'cache-control': 'no-cache, no-store' }],
  [0.03, { 'x-reprise-ttl': '50ms', 'x-reprise-stale-while-revalidate': '10s' }],
  [0.03, { 'x-reprise-ttl': '50ms', 'x-reprise-grace': '10s' }],
  [0.02, { 'x-reprise-ttl': '0s' }],
  [0.05, { 'x-reprise-scope': 'another' }]
]

/** One in ten requests meets one of these. */
export function mixedFaults(count: number, seed: number): readonly Fault[] {
  const random = seeded(seed)
  return Array.from({ length: count }, () =>
    random() < 0.9 ? 'none' : (faults[Math.floor(random() * faults.length)] ?? 'none')
  )
}

const faults: readonly Fault[] = [
  { status: 500 },
  { status: 503 },
  { status: 429 },
  { status: 400 },
  'hang',
  'cut',
  'cut-plain',
  'malformed',
  'stream-error',
  'truncate',
  'filter',
  'empty'
]

/**
 * Sends requests of all sorts, at random: chat completions, messages, responses and embeddings, plain and as streams,
 * known, new, reworded, under all that a caller may say of the cache, with tags that are invalidated meanwhile, and by
 * callers who leave at any time once they have sent their request. Resolves when nobody waits any more.
 */
export async function sendMixedTraffic(options: MixedTrafficOptions): Promise<Sent> {
  const { url, adminToken, requests, seed, callers = 32, sent = () => {} } = options
  const random = seeded(seed)
  const agent = new Agent({ keepAlive: true })
  const byKind = { llm: 0, embedding: 0 }
  const seen = new Map<string, number>()
  let begun = 0
  let invalidations = 0

  const oneOf = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item

  async function drive(): Promise<void> {
    while (begun < requests) {
      begun += 1
      sent(begun)
      if (begun % 150 === 0) await invalidate()
      const { kind, count, path, body } = something()
      const headers = { ...controlsAtRandom(), 'x-reprise-tags': tagsAtRandom() }
      const end = await exchange(path, body, headers, departure())
      byKind[kind] += count
      seen.set(end, (seen.get(end) ?? 0) + 1)
    }
  }

  /** What is asked: a few things often, many seldom. */
  function something(): { kind: keyof typeof byKind; count: number; path: string; body: object } {
    const lot = random()
    if (lot < 0.15) {
      const input = Array.from({ length: 1 + Math.floor(random() * 4) }, text)
      return {
        kind: 'embedding',
        count: input.length,
        path: '/v1/embeddings',
        body: { model: 'text-embedding-3-small', input }
      }
    }
    const stream = random() < 0.4 ? { stream: true } : {}
    const messages = [{ role: 'user', content: text() }]
    if (lot < 0.25) {
      const body = { model: 'claude-sonnet-5', max_tokens: 500, messages, ...stream }
      return { kind: 'llm', count: 1, path: '/v1/messages', body }
    }
    if (lot < 0.3) {
      // Some are part of a conversation that the provider keeps: the cache is not asked.
      const kept = random() < 0.3 ? { previous_response_id: 'resp_1' } : {}
      const body = { model: 'gpt-4o', input: text(), ...kept, ...stream }
      return { kind: 'llm', count: 1, path: '/v1/responses', body }
    }
    return {
      kind: 'llm',
      count: 1,
      path: '/v1/chat/completions',
      body: { model: oneOf(chatModels), messages, ...stream }
    }
  }

  function text(): string {
    const number = Math.floor(500 * random() ** 3)
    const [subject, verb] = [subjects[number % subjects.length], verbs[number % verbs.length]]
    return random() < 0.8
      ? `Please ${verb} ${subject} number ${number}.`
      : `${verb} ${subject} number ${number}, please`
  }

  function controlsAtRandom(): Readonly<Record<string, string>> {
    let lot = random()
    for (const [share, headers] of controls) {
      if (lot < share) return headers
      lot -= share
    }
    return {}
  }

  function tagsAtRandom(): string {
    return ['a', 'b', 'c', 'd'].filter(() => random() < 0.15).join(',')
  }

  /** Whether and when the caller leaves: at once when all is sent, at the response's first bytes, or some time later. */
  function departure(): Departure {
    const lot = random()
    if (lot < 0.02) return 'sent'
    if (lot < 0.03) return 'answered'
    return lot < 0.06 ? random() * 60 : 'never'
  }

  async function invalidate(): Promise<void> {
    const selection = oneOf([{ tag: oneOf(['a', 'b', 'c', 'd']) }, { model: oneOf(chatModels) }, { kind: 'embedding' }])
    invalidations += 1
    const response = await fetch(`${url}/cache/invalidate`, {
      method: 'POST',
      headers: { 'x-reprise-admin-token': adminToken },
      body: JSON.stringify(selection)
    })
    // A store that is down cannot do it.
    if (response.status !== 200 && response.status !== 503) throw new Error(await response.text())
  }

  function exchange(
    path: string,
    body: object,
    own: Readonly<Record<string, string>>,
    leaves: Departure
  ): Promise<string> {
    const bytes = Buffer.from(JSON.stringify(body))
    const credential =
      path === '/v1/messages'
        ? { 'x-api-key': 'sk-traffic', 'anthropic-version': '2023-06-01' }
        : { authorization: 'Bearer sk-traffic' }
    const type = { 'content-type': 'application/json', 'content-length': bytes.length }
    const headers = { ...credential, ...type, ...own }
    return new Promise((resolve, reject) => {
      let isSent = false
      let hasLeft = false
      let timer: NodeJS.Timeout | undefined
      let response: IncomingMessage | undefined
      const asking = httpRequest(url + path, { method: 'POST', agent, headers }, (told) => {
        response = told
        if (leaves === 'answered') leave()
        told.on('error', () => {})
        told.on('close', end)
        told.resume()
      })
      function leave(): void {
        hasLeft = true
        asking.destroy()
      }
      function end(): void {
        clearTimeout(timer)
        if (response?.complete === true) resolve(String(response.statusCode))
        else resolve(hasLeft ? 'left' : 'broken off')
      }
      asking.on('finish', () => {
        isSent = true
        if (leaves === 'sent') leave()
        else if (typeof leaves === 'number') timer = setTimeout(leave, leaves)
      })
      asking.on('error', () => {})
      asking.on('close', () => {
        if (!isSent) reject(new Error(`a request could not be sent to ${url}`))
        else if (response === undefined) end()
      })
      asking.end(bytes)
    })
  }

  await Promise.all(Array.from({ length: callers }, drive))
  agent.destroy()
  return { byKind, invalidations, seen }
}

/** A number: after so many milliseconds. */
type Departure = 'never' | 'sent' | 'answered' | number
