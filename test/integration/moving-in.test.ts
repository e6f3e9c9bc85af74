import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCache } from '../../src/cache.ts'
import { createRouter } from '../../src/router/open.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const question = 'How do I reset my password?'
const alike = 'How can I reset my passwords please?'

let stand: Stand

beforeEach(async () => {
  // Strict: the provider refuses a field that it does not know.
  stand = await makeStand({ store: 'memory:', embedder: new WordsEmbedder(), deadlineMs: 10_000 })
})

afterEach(() => stand.close())

interface Asked {
  readonly content?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  readonly key?: string
}

async function ask({ content = question, headers = {}, body = {}, key = 'sk-alice' }: Asked = {}) {
  const response = await fetch(`${stand.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }], ...body })
  })
  const text = await response.text()
  expect([response.status, text]).toEqual([200, expect.any(String)])
  return { layer: response.headers.get('x-reprise-layer'), said: response.headers, text }
}

async function layers(...asked: readonly Asked[]): Promise<(string | null)[]> {
  const all: (string | null)[] = []
  for (const one of asked) all.push((await ask(one)).layer)
  return all
}

describe("Portkey's callers", () => {
  const portkey = (headers: Record<string, string>): Asked => ({
    headers: { 'x-portkey-api-key': 'pk', 'x-portkey-provider': 'openai', ...headers }
  })
  const config = (cache: object): Asked => portkey({ 'x-portkey-config': JSON.stringify({ cache }) })

  it('are told what has become of their requests, in its words', async () => {
    const status = async (asked: Asked) => (await ask(asked)).said.get('x-portkey-cache-status')
    expect(await status(portkey({}))).toBe('MISS')
    expect(await status(portkey({}))).toBe('HIT')
    expect(await status({ ...portkey({}), content: alike })).toBe('SEMANTIC HIT')
    expect(await status(portkey({ 'x-portkey-cache-force-refresh': 'true' }))).toBe('REFRESH')
    expect(await status(portkey({ 'x-portkey-debug': 'false' }))).toBe('DISABLED')
    expect(await status({})).toBeNull()
  })

  it('refresh an answer, keep apart by a namespace, and neither read nor write without logs', async () => {
    const [refresh, namespace, silent] = [
      portkey({ 'x-portkey-cache-force-refresh': 'true' }),
      portkey({ 'x-portkey-cache-namespace': 'user-1' }),
      portkey({ 'x-portkey-debug': 'false' })
    ]
    expect(await layers(silent, {}, refresh, {})).toEqual(['provider', 'provider', 'provider', 'exact'])
    expect(await layers(namespace, namespace, {})).toEqual(['provider', 'exact', 'exact'])
    expect(await layers(portkey({ 'x-portkey-cache-namespace': 'user-2' }))).toEqual(['provider'])
    expect(await layers(portkey({ 'x-reprise-scope': 'portkey:user-2' }))).toEqual(['exact'])
  })

  it('are matched exactly in simple mode, and as usual in semantic mode', async () => {
    await ask(portkey({}))
    const [simple, semantic] = [config({ mode: 'simple' }), config({ mode: 'semantic' })]
    expect(await layers({ ...simple, content: alike })).toEqual(['provider'])
    expect(await layers({ ...semantic, content: 'How could I reset my password please?' })).toEqual(['semantic'])
    expect(await layers(simple)).toEqual(['exact'])
  })

  it('store for as long as they say', async () => {
    const { said } = await ask(config({ max_age: 60 }))
    expect(said.get('cache-status')).toContain('stored')
    expect((await ask(portkey({}))).said.get('cache-status')).toMatch(/ttl=(60|5\d);/)
  })
})

describe("Helicone's callers", () => {
  it('are told what has become of their requests, in its words', async () => {
    const enabled = { headers: { 'helicone-cache-enabled': 'true' } }
    expect((await ask(enabled)).said.get('helicone-cache')).toBe('MISS')
    expect((await ask(enabled)).said.get('helicone-cache')).toBe('HIT')
    expect((await ask()).said.get('helicone-cache')).toBeNull()
  })

  it('pass the cache by, keep apart by a seed, and store for as long as max-age says', async () => {
    const off = { headers: { 'helicone-cache-enabled': 'false' } }
    const seed = { headers: { 'helicone-cache-seed': 'user-1' } }
    expect(await layers(off, off, {}, seed, seed)).toEqual(['provider', 'provider', 'provider', 'provider', 'exact'])
    const hour = { headers: { 'helicone-cache-enabled': 'true', 'cache-control': 'max-age=3600' } }
    await ask({ ...hour, content: 'What is a cache?' })
    expect((await ask({ content: 'What is a cache?' })).said.get('cache-status')).toMatch(/ttl=(3600|359\d);/)
  })

  it('get one answer to one question, and to that question only', async () => {
    const headers = { 'helicone-cache-bucket-max-size': '3', 'helicone-cache-ignore-keys': 'messages' }
    expect(await layers({ headers }, { headers })).toEqual(['provider', 'exact'])
    expect(await layers({ headers, content: 'What is the weather?' })).toEqual(['provider'])
  })
})

describe("Cloudflare's callers", () => {
  it('are told what has become of their requests, in its words', async () => {
    const asked = { headers: { 'cf-aig-metadata': '{"team":"a"}' } }
    expect((await ask(asked)).said.get('cf-aig-cache-status')).toBe('MISS')
    expect((await ask(asked)).said.get('cf-aig-cache-status')).toBe('HIT')
    expect((await ask()).said.get('cf-aig-cache-status')).toBeNull()
  })

  it('skip the cache, and store for as long as they say', async () => {
    const skip = { headers: { 'cf-aig-skip-cache': 'true' } }
    expect(await layers(skip, skip, {}, skip)).toEqual(['provider', 'provider', 'provider', 'provider'])
    await ask({ headers: { 'cf-aig-cache-ttl': '3600' }, content: 'What is a cache?' })
    expect((await ask({ content: 'What is a cache?' })).said.get('cache-status')).toMatch(/ttl=(3600|359\d);/)
  })

  it('share no answer between different requests by a key of their own', async () => {
    const headers = { 'cf-aig-cache-key': 'responseA' }
    expect(await layers({ headers }, { headers })).toEqual(['provider', 'exact'])
    expect(await layers({ headers, content: 'What is the weather?' })).toEqual(['provider'])
    expect(await layers({})).toEqual(['provider'])
  })
})

describe("LiteLLM's callers", () => {
  const cache = (wishes: object): Asked => ({ body: { cache: wishes } })

  it('are told what has become of their requests, in its words', async () => {
    expect((await ask(cache({}))).said.get('x-litellm-cache-key')).toBeNull()
    const { said } = await ask(cache({}))
    expect(said.get('x-litellm-cache-key')).toBe(said.get('x-reprise-entry'))
    const similar = (await ask({ ...cache({}), content: alike })).said
    expect(Number(similar.get('x-litellm-semantic-similarity'))).toBeGreaterThan(0.9)
    expect((await ask()).said.get('x-litellm-cache-key')).toBeNull()
  })

  it('share answers with those who say nothing of the cache, and leave the provider nothing of it', async () => {
    expect(await layers(cache({ 'use-cache': true }), {}, cache({ ttl: 300 }))).toEqual(['provider', 'exact', 'exact'])
    expect(stand.provider.calls.map(({ body }) => body)).toEqual([
      { model: 'gpt-4o', messages: [{ role: 'user', content: question }] }
    ])
  })

  it('refresh, pass by, limit the age, keep apart, and store for as long as they say', async () => {
    expect(await layers(cache({ 'no-store': true }), cache({ 'no-cache': true }), {})).toEqual([
      'provider',
      'provider',
      'exact'
    ])
    expect(await layers(cache({ 'no-cache': true }), cache({ 'use-cache': false }))).toEqual(['provider', 'provider'])
    expect(await layers(cache({ namespace: 'a' }), cache({ namespace: 'a' }), cache({ namespace: 'b' }))).toEqual([
      'provider',
      'exact',
      'provider'
    ])
    expect(await layers(cache({ 's-maxage': 60 }))).toEqual(['exact'])
    await ask({ ...cache({ ttl: 300 }), content: 'What is a cache?' })
    expect((await ask({ content: 'What is a cache?' })).said.get('cache-status')).toMatch(/ttl=(300|29\d);/)
  })

  it('stream as they ask, and hear of a hit by the headers', async () => {
    const streamed = { body: { cache: { ttl: 300 }, stream: true } }
    expect((await ask(streamed)).text).toContain('[DONE]')
    const { said, text } = await ask(streamed)
    expect(text).toContain('[DONE]')
    expect(said.get('x-litellm-cache-key')).toMatch(/^llm:/)
    expect(stand.provider.count()).toBe(1)
  })

  it('embed with it too', async () => {
    const embed = async (): Promise<Response> =>
      fetch(`${stand.gateway.url}/v1/embeddings`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer sk-alice' },
        body: JSON.stringify({ model: 'text-embedding-3-small', input: 'a', cache: { namespace: 'n' } })
      })
    expect((await embed()).status).toBe(200)
    expect((await embed()).headers.get('x-litellm-cache-key')).toMatch(/^embedding:/)
    expect(stand.provider.calls[0]?.body).not.toHaveProperty('cache')
  })

  it('are told by the provider what is wrong with a field that is none of theirs', async () => {
    const response = await fetch(`${stand.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-alice' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: question }], cache: true })
    })
    expect(response.status).toBe(400)
    expect(stand.provider.calls[0]?.body).toHaveProperty('cache', true)
  })
})

describe('whatever other caches’ callers ask', () => {
  const everything: Asked = {
    headers: {
      'x-portkey-cache-namespace': 'shared',
      'x-portkey-config': '{"cache":{"mode":"semantic","max_age":7776000}}',
      'helicone-cache-enabled': 'true',
      'helicone-cache-seed': 'shared',
      'helicone-cache-ignore-keys': 'messages,model',
      'cf-aig-cache-key': 'shared',
      'cf-aig-cache-ttl': '2592000'
    },
    body: { cache: { namespace: 'shared', 'use-cache': true, ttl: 2_592_000 } }
  }

  it('another tenant’s answers are none of theirs', async () => {
    expect(await layers(everything, everything)).toEqual(['provider', 'exact'])
    expect(await layers({ ...everything, key: 'sk-bob' })).toEqual(['provider'])
    expect(await layers({ ...everything, content: alike, key: 'sk-bob' })).toEqual(['semantic'])
    expect(await layers({ ...everything, content: alike, key: 'sk-carol' })).toEqual(['provider'])
  })

  it('guards and scopes hold: what does not mean the same, or was asked without, is not theirs either', async () => {
    const one = 'Which error code means that my printer in room 12 of floor 2 has lost paper, toner and network?'
    const other = one.replace('12', '13')
    expect(await layers({ content: one }, { ...everything, content: one })).toEqual(['provider', 'provider'])
    const { said } = await ask({ ...everything, content: other })
    expect(said.get('x-portkey-cache-status')).toBe('MISS')
    expect(stand.provider.count()).toBe(3)
  })

  it('reaches no provider; their credentials do', async () => {
    const credentials = {
      'x-portkey-api-key': 'pk',
      'helicone-auth': 'Bearer hk',
      'cf-aig-authorization': 'Bearer cf'
    }
    await ask({ ...everything, headers: { ...everything.headers, ...credentials } })
    const [call] = stand.provider.calls
    expect(call?.body).toEqual({ model: 'gpt-4o', messages: [{ role: 'user', content: question }] })
    const theirs = Object.entries(call?.headers ?? {}).filter(([name]) => /^(x-portkey|helicone|cf)-/.test(name))
    expect(Object.fromEntries(theirs)).toEqual(credentials)
  })

  it('is understood in a program, through its fetch and in its bodies, too', async () => {
    const cache = await createCache()
    const providers = { openai: { kind: 'openai', url: stand.provider.openaiUrl, key: 'sk-program' } } as const
    const router = createRouter({ providers })
    const cached = cache.completions(router)
    const body = { model: 'gpt-4o', messages: [{ role: 'user', content: question }] }
    const post = (own: object, headers: Record<string, string> = {}): Promise<Response> =>
      cached.fetch('http://127.0.0.1/v1/chat/completions', {
        method: 'POST',
        headers: { authorization: 'Bearer sk-alice', ...headers },
        body: JSON.stringify({ ...body, ...own })
      })
    await (await post({})).text()
    const hit = await post({ cache: { ttl: 60 } }, { 'helicone-cache-enabled': 'true' })
    expect([hit.headers.get('helicone-cache'), hit.headers.has('x-litellm-cache-key')]).toEqual(['HIT', true])
    expect((await post({ cache: { 'no-store': true } })).headers.get('x-reprise-layer')).toBe('provider')
    const chat = async (asked: object): Promise<string> => (await cached.chat({ ...body, cache: asked })).origin.layer
    expect(await chat({})).toBe('provider')
    expect(await chat({ ttl: 60 })).toBe('exact')
    expect(await chat({ namespace: 'n' })).toBe('provider')
    expect(await chat({ 'no-cache': true })).toBe('provider')
    expect(stand.provider.calls.filter((call) => call.body !== undefined && 'cache' in call.body)).toEqual([])
    await cache.close()
    await router.close()
  })
})
