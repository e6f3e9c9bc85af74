import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeStand, type Stand } from '../../test/support/gateway.ts'
import { WordsEmbedder } from '../../test/support/words-embedder.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { GatewayOptions } from './gateway-options.ts'

const token = 'admin-token-7f3a'
let stand: Stand

async function start(options: GatewayOptions = {}): Promise<void> {
  stand = await makeStand({ store: 'memory:', deadlineMs: 10_000, adminToken: token, ...options })
}

beforeEach(() => start())
afterEach(() => stand.close())

interface Imported {
  readonly status: number
  readonly body: JsonObject
}

async function send(
  body: string,
  headers: Record<string, string> = { authorization: 'Bearer sk-alice' }
): Promise<Imported> {
  const response = await fetch(`${stand.gateway.url}/cache/import`, {
    method: 'POST',
    headers: { 'x-reprise-admin-token': token, ...headers },
    body
  })
  return { status: response.status, body: (await response.json()) as JsonObject }
}

async function imported(
  pairs: readonly Json[],
  more: Record<string, string> = {},
  key = { authorization: 'Bearer sk-alice' } as Record<string, string>
): Promise<JsonObject> {
  const { status, body } = await send(JSON.stringify({ pairs }), { ...key, ...more })
  expect(status).toBe(200)
  return body
}

const question = 'What is a cache?'
const chat = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: question }] }
const response = { model: 'gpt-4o', input: question }
const message = { model: 'claude-haiku-4-5', max_tokens: 500, messages: chat.messages }

async function statistics(): Promise<JsonObject> {
  const headers = { 'x-reprise-admin-token': token }
  const response = await fetch(`${stand.gateway.url}/metrics/cache/statistics`, { headers })
  return (await response.json()) as JsonObject
}

/** What the official SDKs are told, plainly and streaming, in each of the three dialects. */
async function told(key: string): Promise<readonly (string | null | undefined)[]> {
  const openai = stand.openai(key)
  const anthropic = stand.anthropic(key)
  const textOf = ({ content }: { content: readonly object[] }): string =>
    content.map((block) => ('text' in block ? String(block.text) : '')).join('')
  return [
    (await openai.chat.completions.create(chat)).choices[0]?.message.content,
    (await openai.chat.completions.stream(chat).finalChatCompletion()).choices[0]?.message.content,
    (await openai.responses.create(response)).output_text,
    (await openai.responses.stream(response).finalResponse()).output
      .flatMap((item) => (item.type === 'message' ? item.content : []))
      .map((part) => (part.type === 'output_text' ? part.text : ''))
      .join(''),
    textOf(await anthropic.messages.create(message)),
    textOf(await anthropic.messages.stream(message).finalMessage())
  ]
}

/** The version that the official SDK of today sends is a part of what is asked. */
async function versionHeader(): Promise<Record<string, string>> {
  await stand.anthropic().messages.create({ ...message, max_tokens: 1 })
  const version = String(stand.provider.calls[0]?.headers['anthropic-version'])
  stand.provider.reset()
  return { 'anthropic-version': version }
}

/** The bodies that the provider itself gives, said by it in other words than the question's default. */
async function bodies(): Promise<readonly Json[]> {
  const other = await makeStand(
    { store: 'memory:', switches: { cache: false } },
    { answer: () => ({ text: 'Whole.' }) }
  )
  const read = async (path: string, body: object, headers: Record<string, string>): Promise<Json> => {
    const answer = await fetch(`${other.provider.url}/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body)
    })
    return (await answer.json()) as Json
  }
  const openai = { authorization: 'Bearer sk-alice' }
  const anthropic = { 'x-api-key': 'sk-alice', 'anthropic-version': '2023-06-01' }
  const all = [
    await read('/chat/completions', chat, openai),
    await read('/responses', response, openai),
    await read('/messages', message, anthropic)
  ]
  await other.close()
  return all
}

describe('POST /cache/import', () => {
  it.each(['texts', 'whole bodies'])(
    'stores %s in the three dialects, for the key that came along and for no other',
    async (form) => {
      const version = await versionHeader()
      const [one, two, three] = form === 'texts' ? ['Whole.', 'Whole.', 'Whole.'] : await bodies()
      const pairs = [
        { request: chat, response: one ?? null },
        { endpoint: '/v1/responses', request: response, response: two ?? null },
        { endpoint: '/v1/messages', request: message, response: three ?? null }
      ]
      expect(await imported(pairs, version)).toEqual({ stored: 3, refused: [] })
      expect(await told('sk-alice')).toEqual(Array.from({ length: 6 }, () => 'Whole.'))
      expect(stand.provider.count()).toBe(0)
      const others = await told('sk-bob')
      expect(others).not.toContain('Whole.')
      expect(stand.provider.count()).toBe(3)
    }
  )

  it('takes the key from whichever header it stands in', async () => {
    await imported([{ request: chat, response: 'By x-api-key.' }], {}, { 'x-api-key': 'sk-bob' })
    const asked = await stand.openai('sk-bob').chat.completions.create(chat)
    expect(asked.choices[0]?.message.content).toBe('By x-api-key.')
    expect(stand.provider.count()).toBe(0)
  })

  it('shares with all where all are one, and within a scope only where one is named', async () => {
    await stand.close()
    await start({ tenancy: 'one' })
    await imported([{ request: chat, response: 'Everybody’s.' }], {}, {})
    await imported([{ request: { ...chat, seed: 1 }, response: 'Narrow.' }], { 'x-reprise-scope': 'team' })
    const ask = async (body: typeof chat, headers: Record<string, string> = {}): Promise<string | null | undefined> =>
      (await stand.openai('sk-carol').chat.completions.create(body, { headers })).choices[0]?.message.content
    expect(await ask(chat)).toBe('Everybody’s.')
    const seeded = { ...chat, seed: 1 }
    expect(await ask(seeded)).not.toBe('Narrow.')
    expect(await ask(seeded, { 'x-reprise-scope': 'team' })).toBe('Narrow.')
  })

  it('neither asks nor tells a provider, and passes neither token nor key on', async () => {
    await imported([{ request: chat, response: 'A.' }])
    expect(stand.provider.calls).toEqual([])
    await stand.openai('sk-bob').chat.completions.create(chat)
    const [call] = stand.provider.calls
    expect(JSON.stringify(call?.headers)).not.toMatch(/admin-token|sk-alice/)
  })

  it('counts neither requests nor lookups: only that something was stored', async () => {
    await imported([
      { request: chat, response: 'A.', tags: ['faq'] },
      { endpoint: '/v1/responses', request: response, response: 'B.' }
    ])
    expect(await statistics()).toMatchObject({
      requests: { total: 0 },
      llm_cache: { total_lookups: 0, total_hits: 0, total_misses: 0, total_bypasses: 0, total_writes: 2 },
      by_model: [],
      by_tag: [],
      spent: { usd: 0 }
    })
    await stand.openai().chat.completions.create(chat)
    expect(await statistics()).toMatchObject({ requests: { total: 1, hits: 1 }, llm_cache: { total_lookups: 1 } })
  })

  it('stores with tags, time to live, cost and time, and says what a hit saves', async () => {
    const usage = { inputTokens: 9, outputTokens: 3 }
    const pair = { request: chat, response: 'A.', tags: ['faq', 'faq'], ttl: '2h', costUsd: 0.25, tookMs: 1500, usage }
    await imported([pair], { 'x-reprise-tags': 'all' })
    const listed = await fetch(`${stand.gateway.url}/cache/entries`, { headers: { 'x-reprise-admin-token': token } })
    const { entries } = (await listed.json()) as { entries: JsonObject[] }
    expect(entries).toMatchObject([
      {
        tags: ['all', 'faq'],
        provider: 'import',
        model: 'gpt-4o',
        costUsd: 0.25,
        tookMs: 1500,
        inputTokens: 9,
        outputTokens: 3,
        text: question,
        answer: 'A.'
      }
    ])
    const [entry] = entries
    expect(Date.parse(String(entry?.['freshUntil'])) - Date.parse(String(entry?.['storedAt']))).toBe(7_200_000)
    const { response: http } = await stand.openai().chat.completions.create(chat).withResponse()
    expect(http.headers.get('x-reprise-saved-usd')).toBe('0.25000000')
    expect(http.headers.get('x-reprise-provider')).toBe('import')
    expect(await statistics()).toMatchObject({ saved: { usd: 0.25, seconds: 1.5, tokens: 12 } })
    const gone = await fetch(`${stand.gateway.url}/cache/invalidate`, {
      method: 'POST',
      headers: { 'x-reprise-admin-token': token },
      body: '{"tag": "faq"}'
    })
    expect(await gone.json()).toEqual({ count: 1, dryRun: false })
  })

  it('replaces what was there, and is there past what a header says of looking', async () => {
    await stand.openai().chat.completions.create(chat)
    for (const [index, control] of ['no-cache', 'only-if-cached', 'no-store'].entries()) {
      expect(await imported([{ request: chat, response: `A${index}.` }], { 'cache-control': control })).toMatchObject({
        stored: 1
      })
      const { choices } = await stand.openai().chat.completions.create(chat)
      expect(choices[0]?.message.content).toBe(`A${index}.`)
    }
    expect(stand.provider.count()).toBe(1)
  })

  it('is found by meaning too where there is an embedder, and only by who imported it', async () => {
    await stand.close()
    await start({ embedder: new WordsEmbedder() })
    const ask = (content: string) => ({ model: 'gpt-4o', messages: [{ role: 'user' as const, content }] })
    await imported([{ request: ask('How do I reset my password?'), response: 'Under Settings.' }])
    const alike = ask('How can I reset my passwords please?')
    const { data, response: http } = await stand.openai().chat.completions.create(alike).withResponse()
    expect([data.choices[0]?.message.content, http.headers.get('x-reprise-layer')]).toEqual([
      'Under Settings.',
      'semantic'
    ])
    const streamed = await stand.openai().chat.completions.stream(alike).finalChatCompletion()
    expect(streamed.choices[0]?.message.content).toBe('Under Settings.')
    const other = await stand.openai('sk-bob').chat.completions.create(alike).withResponse()
    expect(other.response.headers.get('x-reprise-layer')).toBe('provider')
    expect(stand.provider.count()).toBe(1)
  })

  it('names each that it refuses, with its place and the reason, and stores the others', async () => {
    const truncated = { ...((await bodies())[0] as JsonObject) }
    truncated['choices'] = (truncated['choices'] as JsonObject[]).map((choice) => ({
      ...choice,
      finish_reason: 'length'
    }))
    const pairs: readonly Json[] = [
      { request: chat, response: 'Good.' },
      { request: chat },
      { request: chat, response: '' },
      { request: { model: 'gpt-4o' }, response: 'A.' },
      'nonsense',
      null,
      { endpoint: '/v1/nowhere', request: chat, response: 'A.' },
      { request: { ...chat, n: 2 }, response: 'A.' },
      { request: chat, response: truncated },
      { endpoint: '/v1/embeddings', request: { model: 'e', input: 'a' }, response: { object: 'list', data: [] } },
      { request: chat, response: 'A.', ttl: 'soon' },
      { request: chat, response: 'A.', tags: 'faq' },
      { request: chat, response: 'A.', costUsd: -1 },
      { request: { ...chat, seed: 2 }, response: 'Good too.' }
    ]
    const { stored, refused } = await imported(pairs)
    expect(stored).toBe(2)
    const reasons = (refused as JsonObject[]).map(({ index, reason }) => [index, reason])
    expect(reasons).toEqual([
      [1, expect.stringContaining('response: expected an object or a text that is not empty, got nothing')],
      [2, expect.stringContaining('response: expected an object or a text that is not empty, got ""')],
      [3, expect.stringContaining('messages')],
      [4, expect.stringContaining('got "nonsense"')],
      [5, expect.stringContaining('got null')],
      [6, expect.stringContaining('endpoint: expected one of /v1/chat/completions')],
      [7, expect.stringContaining('several choices')],
      [8, expect.stringContaining('not fit to be stored')],
      [9, 'embeddings are not imported'],
      [10, expect.stringContaining('ttl')],
      [11, expect.stringContaining('tags: expected a list')],
      [12, expect.stringContaining('costUsd: expected a number of at least 0')]
    ])
    expect((await stand.openai().chat.completions.create(chat)).choices[0]?.message.content).toBe('Good.')
  })

  it('says why such a request is not cached', async () => {
    await stand.close()
    await start({ maxTemperature: 0.5, switches: { embedding: false } })
    const warm = { ...chat, temperature: 0.9 }
    expect(await imported([{ request: warm, response: 'A.' }])).toEqual({
      stored: 0,
      refused: [{ index: 0, reason: 'such a request is not cached: temperature' }]
    })
    const cool = { ...chat, temperature: 0.1 }
    expect(await imported([{ request: cool, response: 'A.', ttl: 0 }])).toEqual({
      stored: 0,
      refused: [{ index: 0, reason: 'the store did not take it' }]
    })
    expect(await imported([{ request: cool, response: 'A.' }])).toEqual({ stored: 1, refused: [] })
  })

  it('stores hundreds at once, each under its own', async () => {
    const ask = (index: number) => ({ ...chat, messages: [{ role: 'user' as const, content: `Question ${index}` }] })
    const pairs = Array.from({ length: 300 }, (_, index) => ({ request: ask(index), response: `Answer ${index}` }))
    expect(await imported(pairs)).toEqual({ stored: 300, refused: [] })
    for (const index of [0, 17, 299]) {
      const { choices } = await stand.openai().chat.completions.create(ask(index))
      expect(choices[0]?.message.content).toBe(`Answer ${index}`)
    }
    expect(stand.provider.count()).toBe(0)
  })

  it('gives the mark with a check, and refuses what has been invalidated since with it', async () => {
    const ask = (seed: number) => ({ ...chat, seed })
    const pairs = [
      { request: ask(1), response: 'A.', tags: ['faq'] },
      { request: ask(2), response: 'B.', tags: ['other'] }
    ]
    const { mark, ...rest } = JSON.parse(
      JSON.stringify((await send(JSON.stringify({ check: true, pairs }))).body)
    ) as JsonObject
    expect(Number.isSafeInteger(mark)).toBe(true)
    expect(rest).toEqual({ stored: 0, refused: [] })
    await fetch(`${stand.gateway.url}/cache/invalidate`, {
      method: 'POST',
      headers: { 'x-reprise-admin-token': token },
      body: '{"tag": "faq"}'
    })
    const reason =
      'it has been invalidated since it was asked for, or that is so long ago that the store no longer knows'
    const brought = async (how: JsonObject): Promise<JsonObject> => (await send(JSON.stringify({ ...how, pairs }))).body
    expect(await brought({ mark: mark ?? null })).toEqual({ stored: 1, refused: [{ index: 0, reason }] })
    // Older than what the store remembers, and of a store that is no more.
    for (const other of [0, Number(mark) * 2]) {
      expect(await brought({ mark: other })).toEqual({
        stored: 0,
        refused: [
          { index: 0, reason },
          { index: 1, reason }
        ]
      })
    }
    expect(await statistics()).toMatchObject({ llm_cache: { total_writes: 1 } })
    // Without one they are as if they had been given now.
    expect(await brought({})).toEqual({ stored: 2, refused: [] })
  })

  it.each([
    ['"17"', '"17"'],
    ['-1', '-1'],
    ['1.5', '1.5'],
    ['null', 'null'],
    ['1e16', '10000000000000000']
  ])('refuses the mark %s, and says what a mark is', async (mark, got) => {
    expect(await send(`{"mark": ${mark}, "pairs": []}`)).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'invalid-body',
          message: `mark: expected a whole number of at least 0, as "check": true gives it, got ${got}`
        }
      }
    })
  })

  it.each([
    ['', 'expected {"pairs": [{"request": {...}, "response": ...}]}, got an empty body'],
    ['[]', 'expected {"pairs": [{"request": {...}, "response": ...}]}, got []'],
    ['{}', 'pairs: expected a list of at most 1000, got undefined'],
    ['{"pairs": {}}', 'pairs: expected a list of at most 1000, got {}'],
    [
      JSON.stringify({ pairs: Array.from({ length: 1001 }, () => 1) }),
      'pairs: expected a list of at most 1000, got 1001'
    ]
  ])('refuses %.20s altogether, and says what was expected', async (body, message) => {
    expect(await send(body)).toMatchObject({ status: 400, body: { error: { code: 'invalid-body', message } } })
  })

  it('stores nothing for a number that it would write otherwise than it came', async () => {
    const body =
      '{"pairs": [{"request": {"model": "m", "seed": 12345678901234567890, "messages": []}, "response": "A."}]}'
    expect(await send(body)).toMatchObject({
      status: 400,
      body: { error: { message: 'expected numbers that a double can hold, got 12345678901234567890' } }
    })
  })
})
