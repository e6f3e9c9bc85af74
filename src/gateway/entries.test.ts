import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminStand, adminStand } from '../../test/support/admin-stand.ts'
import { textKind } from '../../test/support/ask.ts'
import { makeStand } from '../../test/support/gateway.ts'
import { type Cache, createCache } from '../cache.ts'
import type { JsonObject } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Store } from '../stores/store.ts'
import { entries } from './entries.ts'

let store: Store
let cache: Cache
let stand: AdminStand

beforeEach(async () => {
  store = memoryStore()
  cache = await createCache({ store, deadlineMs: 10_000 })
  stand = await adminStand(entries(cache))
})

afterEach(async () => {
  await stand.close()
  await cache.close()
})

interface Listed {
  readonly entries: readonly JsonObject[]
  readonly looked: number
  readonly truncated: boolean
}

async function list(query = ''): Promise<Listed> {
  const { status, body } = await stand.ask('GET', `/cache/entries${query}`)
  expect(status).toBe(200)
  return body as Listed
}

/** Stores an answer of a kind of the test's own, for a model and with a body as the test likes; gives its key. */
async function keep(model: string, body: string, tags: readonly string[] = []): Promise<string> {
  const kind: Kind<{ text: string }, string> = { ...textKind, model: () => model }
  const keeping = cache.keeping(kind, async () => ({ value: body, origin: { layer: 'provider' } }))
  const { origin } = await keeping({ text: model }, cache.contextOf({ tags }))
  return origin.key ?? ''
}

describe('GET /cache/entries', () => {
  it('is empty where nothing is', async () => {
    expect(await list()).toEqual({ entries: [], looked: 0, truncated: false })
  })

  it('says of each entry all that is known, and null for what is not', async () => {
    await cache.set('capital:france', { city: 'Paris' }, { tags: ['atlas'], ttlMs: 60_000 })
    const [entry] = (await list()).entries
    expect(entry).toEqual({
      key: expect.stringMatching(/^value:capital_france:[0-9a-f]{64}$/),
      kind: 'value',
      model: null,
      provider: null,
      tags: ['atlas'],
      storedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      freshUntil: expect.any(String),
      expiresAt: expect.any(String),
      state: 'fresh',
      bytes: 16,
      costUsd: null,
      inputTokens: null,
      outputTokens: null,
      tookMs: null,
      text: null,
      answer: '{"city":"Paris"}'
    })
    expect(Date.parse(String(entry?.['freshUntil'])) - Date.parse(String(entry?.['storedAt']))).toBe(60_000)
  })

  it('takes each filter, all of them together, and how many are wanted', async () => {
    await cache.set('a1', 'Paris', { tags: ['x', 'y'] })
    await cache.set('a2', 'Lima', { tags: ['x'] })
    await cache.set('b3', 'Paris', { tags: ['x'] })
    const found = async (query: string): Promise<readonly unknown[]> =>
      (await list(query)).entries.map(({ answer, tags }) => [answer, tags])
    expect(await found('?tag=x')).toHaveLength(3)
    expect(await found('?tag=y')).toEqual([['"Paris"', ['x', 'y']]])
    expect(await found('?kind=value&text=PARIS')).toHaveLength(2)
    expect(await found('?prefix=value:a')).toHaveLength(2)
    expect(await found('?model=b3')).toEqual([['"Paris"', ['x']]])
    expect(await found('?tag=x&kind=value&prefix=value:a&text=lim')).toEqual([['"Lima"', ['x']]])
    expect(await found('?tag=x&kind=llm')).toEqual([])
    expect(await found('?tag=&kind=&text=')).toHaveLength(3)
    expect(await list('?limit=2')).toMatchObject({ looked: 3, truncated: true })
    expect((await list('?limit=2')).entries).toHaveLength(2)
  })

  it.each([
    ['?limit=0', 'limit', 'limit: expected a whole number from 1 to 500, got "0"'],
    ['?limit=501', 'limit', 'limit: expected a whole number from 1 to 500, got "501"'],
    ['?limit=1.5', 'limit', 'limit: expected a whole number from 1 to 500, got "1.5"'],
    ['?limit=', 'limit', 'limit: expected a whole number from 1 to 500, got ""'],
    ['?limit=many', 'limit', 'limit: expected a whole number from 1 to 500, got "many"'],
    ['?tags=x', 'tags', 'expected tag, kind, model, prefix, text or limit, got "tags"'],
    ['?tag=x&__proto__=y', '__proto__', 'expected tag, kind, model, prefix, text or limit, got "__proto__"'],
    ['?Tag=x', 'Tag', 'expected tag, kind, model, prefix, text or limit, got "Tag"']
  ])('refuses %s, and says what was expected', async (query, field, message) => {
    expect(await stand.ask('GET', `/cache/entries${query}`)).toEqual({
      status: 400,
      body: { code: 'invalid-body', field, message }
    })
  })

  it('takes hostile filters for what they say', async () => {
    await cache.set('a', '<b>"; --', { tags: ["'; DROP TABLE entries; --"] })
    expect((await list(`?tag=${encodeURIComponent("'; DROP TABLE entries; --")}`)).entries).toHaveLength(1)
    expect((await list(`?text=${encodeURIComponent('<b>";')}`)).entries).toHaveLength(1)
    for (const hostile of ['*', '%', '.*', '\0', '\n', '..', 'x'.repeat(5000), '\u202e', '🦊']) {
      for (const name of ['tag', 'kind', 'model', 'prefix', 'text']) {
        expect((await list(`?${name}=${encodeURIComponent(hostile)}`)).entries, `${name} ${hostile}`).toEqual([])
      }
    }
    expect(cache.state).toBe('up')
  })

  it('shows the beginning of what was said, however long and in whatever it stands', async () => {
    const message = (content: string): string =>
      JSON.stringify({ id: 'x', choices: [{ message: { role: 'a', content } }] })
    await keep('long', message('word '.repeat(1000)))
    await keep('half', message(`${'x'.repeat(299)}🦊`))
    await keep(
      'parts',
      JSON.stringify({
        content: [
          { type: 'text', text: 'one' },
          { type: 'text', text: 'two' }
        ]
      })
    )
    await keep(
      'tool',
      JSON.stringify({ content: null, tool_calls: [{ function: { name: 'f', arguments: '{"a":1}' } }] })
    )
    await keep('plain', 'no JSON at all')
    await keep('number', '42')
    await keep('odd', JSON.stringify({ content: { content: { text: 7 } } }))
    await keep('page', message('</script><img src=x onerror=alert(1)>'))
    const said = Object.fromEntries(
      (await list()).entries.map(({ key, answer }) => [String(key).split(':')[1], answer])
    )
    expect(said).toEqual({
      long: 'word '.repeat(60),
      half: `${'x'.repeat(299)}\ud83e`,
      parts: 'one two',
      tool: '{"a":1}',
      plain: 'no JSON at all',
      number: '42',
      odd: '{"content":{"content":{"text":7}}}',
      page: '</script><img src=x onerror=alert(1)>'
    })
  })

  it('is shown for all that are nested without end too', async () => {
    const deep = `${'['.repeat(100_000)}"x"${']'.repeat(100_000)}`
    await keep('deep', deep)
    await keep('spoken', `{"content":"found","rest":${deep}}`)
    const found = (await list()).entries.map(({ answer }) => answer)
    expect(found.toSorted()).toEqual(['['.repeat(300), 'found'])
  })

  it('says of an entry that is kept past its freshness that it is stale', async () => {
    await cache.set('a', 1, { ttlMs: 1, graceMs: 60_000 })
    let state: unknown
    while (state !== 'stale') state = (await list()).entries[0]?.['state']
    expect((await list()).entries).toHaveLength(1)
  })
})

describe('GET /cache/entries/{key}', () => {
  it.each(['a/b', '../../x', 'a@b', 'gpt-4o', 'ein Modell', 'größe', '100%', '?#&=', 'x'.repeat(200)])(
    'finds the entry of a model called %j',
    async (model) => {
      const key = await keep(model, '{"content":"found"}')
      const { status, body } = await stand.ask('GET', `/cache/entries/${encodeURIComponent(key)}`)
      expect(status).toBe(200)
      expect(body).toMatchObject({ key, answer: 'found', body: { content: 'found' } })
    }
  )

  it('finds what is stored under any key that a store takes', async () => {
    for (const key of [
      'llm:a/b/c:1',
      'llm:%2F%00:2',
      'llm:größe 👩‍👧:3',
      'llm:"\\\n:4',
      'llm:a?b#c&d=e:5',
      '/',
      '..;/..'
    ]) {
      const kind: Kind<{ text: string }, string> = { ...textKind }
      // Under a key of its own, past `keyOf`.
      const subject = { knownKey: { kind: kind.name, scope: [], key } }
      const keeping = cache.keeping({ ...kind, subject: () => subject }, async () => ({
        value: `said ${key}`,
        origin: { layer: 'provider' }
      }))
      await keeping({ text: key }, cache.contextOf())
      const { status, body } = await stand.ask('GET', `/cache/entries/${encodeURIComponent(key)}`)
      expect([key, status, body]).toMatchObject([key, 200, { key, body: `said ${key}` }])
    }
  })

  it('has the whole answer: JSON where it is, else its text', async () => {
    const long = 'word '.repeat(10_000)
    const key = await keep('long', JSON.stringify({ content: long }))
    expect((await stand.ask('GET', `/cache/entries/${encodeURIComponent(key)}`)).body).toMatchObject({
      bytes: long.length + 14,
      body: { content: long }
    })
    const plain = await keep('plain', 'no {JSON}')
    expect((await stand.ask('GET', `/cache/entries/${encodeURIComponent(plain)}`)).body).toMatchObject({
      body: 'no {JSON}'
    })
  })

  it('says that there is none', async () => {
    for (const key of ['llm:gpt-4o:0123', 'nothing', '"', '\0', 'x'.repeat(3000)]) {
      expect(await stand.ask('GET', `/cache/entries/${encodeURIComponent(key)}`)).toEqual({
        status: 404,
        body: { code: 'not-found', message: `no entry under ${JSON.stringify(key)}` }
      })
    }
    expect(cache.state).toBe('up')
  })
})

describe('the entries of a gateway', () => {
  it('are of each kind, and say what was asked and answered', async () => {
    const gateway = await makeStand({ store: 'memory:', deadlineMs: 10_000 })
    try {
      const openai = gateway.openai()
      await openai.chat.completions.create({
        model: 'gpt-4o',
        messages: [{ role: 'user', content: 'What is a cache?' }]
      })
      await openai.responses.create({ model: 'gpt-4o', input: 'What is a store?' })
      await gateway.anthropic().messages.create({
        model: 'claude-haiku-4-5',
        max_tokens: 500,
        messages: [{ role: 'user', content: 'What is a layer?' }]
      })
      await openai.embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two'] })
      const response = await fetch(`${gateway.gateway.url}/cache/entries`)
      const { entries: all } = (await response.json()) as Listed
      const text = (entry: JsonObject | undefined): unknown => entry?.['text']
      expect(all.map(({ kind }) => kind).toSorted()).toEqual(['embedding', 'embedding', 'llm', 'llm', 'llm'])
      const llm = all.filter(({ kind }) => kind === 'llm')
      expect(llm.map(text).toSorted()).toEqual(['What is a cache?', 'What is a layer?', 'What is a store?'])
      for (const entry of llm) {
        expect(entry).toMatchObject({
          provider: expect.stringMatching(/^(openai|anthropic)$/),
          costUsd: expect.any(Number),
          inputTokens: expect.any(Number),
          outputTokens: expect.any(Number),
          tookMs: expect.any(Number),
          answer: expect.stringMatching(/\w+ \w+/)
        })
        expect(String(entry['answer'])).not.toContain('{')
      }
      const embedding = all.find(({ kind }) => kind === 'embedding')
      expect(embedding).toMatchObject({ model: 'text-embedding-3-small', answer: expect.stringContaining('vector') })
    } finally {
      await gateway.close()
    }
  })
})
