import { findProvider } from '@pydantic/genai-prices'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type OverhearingServer, overhearingServer } from '../../test/support/overhearing-server.ts'
import { contextOf } from '../core/context.ts'
import { ignore } from '../core/events.ts'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { wires } from '../wires/open.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent } from '../wires/wire-request.ts'
import { type OpenProviderOptions, openProvider, type ProviderKind } from './open.ts'

const kinds: readonly ProviderKind[] = [
  'openai',
  'anthropic',
  'azure',
  'ollama',
  'vllm',
  'openrouter',
  'groq',
  'mistral',
  'gemini',
  'compatible'
]
const messages = [{ role: 'user', content: 'a' }]
const context = contextOf({}, ignore)

let server: OverhearingServer

beforeAll(async () => {
  server = await overhearingServer()
})
afterAll(() => server.close())

/** What arrives of one request: as a text, and its path, headers and body apart. */
async function heardFrom(
  name: string,
  options: OpenProviderOptions,
  headers: Readonly<Record<string, string>> = {},
  {
    wire = openaiChat,
    body = { model: 'm', messages },
    query = ''
  }: { wire?: Wire; body?: object; query?: string } = {}
) {
  const provider = openProvider(name, { url: server.url, ...options })
  const before = server.heard.length
  try {
    await provider.ask({ content: new WireContent(wire, Buffer.from(JSON.stringify(body)), query), headers }, context)
  } finally {
    await provider.close()
  }
  expect(server.heard.length).toBe(before + 1)
  return taken(server.heard[before] ?? '')
}

function taken(text: string) {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const [line = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((each) => [each.split(': ')[0]?.toLowerCase(), each.slice(each.indexOf(': ') + 2)])
  )
  return { text, path: line.split(' ')[1], headers, body }
}

describe('openProvider', () => {
  beforeEach(() => server.answer('{}'))

  it.each([
    ['openai', 'https://api.openai.com/v1', 'openai'],
    ['anthropic', 'https://api.anthropic.com/v1', 'anthropic'],
    ['ollama', 'http://localhost:11434/v1', 'ollama'],
    ['vllm', 'http://localhost:8000/v1', 'vllm'],
    ['openrouter', 'https://openrouter.ai/api/v1', 'openrouter'],
    ['groq', 'https://api.groq.com/openai/v1', 'groq'],
    ['mistral', 'https://api.mistral.ai/v1', 'mistral'],
    ['gemini', 'https://generativelanguage.googleapis.com/v1beta/openai', 'google']
  ] as const)('knows the address of %s and whose prices it has', async (kind, url, prices) => {
    const byName = openProvider(kind, {})
    const byKind = openProvider('mine', { kind })
    for (const provider of [byName, byKind]) {
      expect(provider).toMatchObject({ baseUrl: url, pricesOf: prices })
      await provider.close()
    }
    expect(byName.wires).toEqual(byKind.wires)
    // Where the price list knows the address, it must say the same.
    expect([undefined, prices]).toContain(findProvider({ providerApiUrl: url })?.id)
  })

  it('takes a name that it does not know for a service that speaks as OpenAI does, with prices of its own', async () => {
    const provider = openProvider('mine', { url: 'http://127.0.0.1:1/v1/' })
    expect(provider).toMatchObject({
      name: 'mine',
      baseUrl: 'http://127.0.0.1:1/v1',
      pricesOf: 'mine',
      wires: ['openai-chat', 'openai-embeddings']
    })
    await provider.close()
  })

  it('names only wires that there are, and at least one for each kind', async () => {
    const known = [...wires, openaiEmbeddings].map(({ name }) => name)
    for (const kind of kinds) {
      const provider = openProvider('mine', { kind, url: server.url })
      expect(known).toEqual(expect.arrayContaining([...provider.wires]))
      expect(provider.wires.length).toBeGreaterThan(0)
      expect(provider.wires.includes('anthropic-messages')).toBe(kind === 'anthropic')
      await provider.close()
    }
  })

  it.each([
    ['openai', 'authorization', 'Bearer sk-own'],
    ['anthropic', 'x-api-key', 'sk-own'],
    ['azure', 'api-key', 'sk-own'],
    ['gemini', 'authorization', 'Bearer sk-own'],
    ['compatible', 'authorization', 'Bearer sk-own']
  ] as const)('sends the key to %s in %s, and no other credential', async (kind, header, value) => {
    const { headers, text } = await heardFrom('mine', { kind, key: 'sk-own' }, secrets, { query: '?key=sk-caller&a=b' })
    expect(headers[header]).toBe(value)
    expect(text.split('sk-own').length).toBe(2)
    expect(text).not.toContain('sk-caller')
    expect(headers['x-request-id']).toBe('1')
  })

  const secrets = {
    authorization: 'Bearer sk-caller',
    'x-api-key': 'sk-caller',
    'api-key': 'sk-caller',
    'x-goog-api-key': 'sk-caller',
    'openai-organization': 'sk-caller',
    'openai-project': 'sk-caller',
    cookie: 'session=sk-caller',
    'x-auth-token': 'sk-caller',
    'X-Api-Key': 'sk-caller',
    'sec-websocket-protocol': 'realtime, openai-insecure-api-key.sk-caller',
    'x-request-id': '1'
  }

  it("lets nothing of a caller's credential reach a provider that it is not meant for", async () => {
    for (const kind of kinds) {
      const options: OpenProviderOptions = { kind, url: server.url }
      const { text, headers } = await heardFrom('mine', options, secrets, { query: '?key=sk-caller&a=b' })
      expect(text).not.toContain('sk-caller')
      expect(headers['x-request-id']).toBe('1')
      const provider = openProvider('mine', options)
      const forwarded = await provider.forward('/files?api-key=sk-caller&limit=1', {
        method: 'POST',
        headers: secrets,
        body: 'a',
        signal: context.caller.signal
      })
      await forwarded.body.dump()
      expect(server.heard.at(-1)).toContain('/files?limit=1')
      expect(server.heard.at(-1)).not.toContain('sk-caller')
      expect(provider.urlOf('/realtime?key=sk-caller&model=m')).toMatch(/\/realtime\?model=m$/)
      await provider.close()
    }
  })

  it("passes a caller's headers untouched where that is said: a key is never turned into another dialect's", async () => {
    const { headers, path } = await heardFrom(
      'mine',
      { passCredential: true },
      { 'x-api-key': 'sk-caller', cookie: 'a=b' },
      { query: '?key=c' }
    )
    expect(headers).toMatchObject({ 'x-api-key': 'sk-caller', cookie: 'a=b' })
    expect(headers['authorization']).toBeUndefined()
    expect(path).toBe('/chat/completions?key=c')
    const bearer = await heardFrom('anthropic', { passCredential: true }, { authorization: 'Bearer sk-caller' })
    expect(bearer.headers['authorization']).toBe('Bearer sk-caller')
    expect(bearer.headers['x-api-key']).toBeUndefined()
  })

  it("sends its own key, and not the caller's, where both are allowed", async () => {
    const { text } = await heardFrom('openai', { key: 'sk-own', passCredential: true }, secrets)
    expect(text).toContain('Bearer sk-own')
    expect(text).not.toContain('sk-caller')
  })

  it('sends more headers last, whatever the caller says', async () => {
    const { headers } = await heardFrom(
      'openrouter',
      { key: 'sk-own', headers: { 'X-Title': 'Reprise', 'openai-organization': 'org', Authorization: 'Bearer other' } },
      { 'x-title': 'caller', 'openai-organization': 'theirs' }
    )
    expect(headers).toMatchObject({ 'x-title': 'Reprise', 'openai-organization': 'org', authorization: 'Bearer other' })
  })

  it('names the version that Anthropic wants where the caller names none', async () => {
    const request = { wire: anthropicMessages, body: { model: 'm', max_tokens: 1, messages } }
    const silent = await heardFrom('anthropic', { key: 'a' }, {}, request)
    expect([silent.path, silent.headers['anthropic-version']]).toEqual(['/v1/messages', '2023-06-01'])
    const said = await heardFrom('anthropic', { key: 'a' }, { 'anthropic-version': '2030-01-01' }, request)
    expect(said.headers['anthropic-version']).toBe('2030-01-01')
    expect((await heardFrom('openai', { key: 'a' })).headers['anthropic-version']).toBeUndefined()
  })

  it.each(['', '/', '/v1', '/v1/'])('means the same Anthropic by an address that ends with "%s"', async (end) => {
    const provider = openProvider('anthropic', { url: `https://anthropic.example.com/path${end}` })
    expect(provider.baseUrl).toBe('https://anthropic.example.com/path/v1')
    await provider.close()
  })

  it.each<[string, OpenProviderOptions, string]>([
    ['azure', {}, 'azure: url: expected an address such as https://NAME.openai.azure.com, got none'],
    ['mine', {}, 'mine: url: expected an address such as https://api.example.com/v1, got none'],
    ['constructor', {}, 'constructor: url: expected an address'],
    ['mine', { kind: 'cohere' as ProviderKind }, 'mine: kind: expected one of openai, anthropic, azure'],
    [
      'mine',
      { url: 'api.example.com/v1' },
      'mine: expected a URL such as https://api.example.com/v1, got "api.example.com/v1"'
    ],
    ['mine', { url: 'localhost:8000/v1' }, 'mine: expected a URL such as'],
    [
      'mine',
      { url: 'https://me:sk-secret@a.example.com/v1' },
      'mine: expected a URL without a user, got one at a.example.com'
    ],
    [
      'mine',
      { url: 'https://a.example.com/v1?key=sk-secret' },
      'mine: expected a URL that ends with its path, got more behind https://a.example.com/v1'
    ],
    ['openai', { key: '' }, 'openai: key: expected a key, got an empty text'],
    [
      'openai',
      { key: 'sk-secret\n' },
      'openai: key: expected what can be sent as a header, and "authorization" cannot'
    ],
    [
      'openai',
      { headers: { 'a b': 'sk-secret' } },
      'openai: headers: expected what can be sent as a header, and "a b" cannot'
    ],
    ['openai', { headers: { 'Content-Length': '1' } }, 'openai: headers: Content-Length belongs to the connection'],
    ['openai', { headers: { Connection: 'close' } }, 'openai: headers: Connection belongs to the connection'],
    ['openai', { connectTimeoutMs: 0 }, 'openai: connectTimeoutMs: expected milliseconds above 0, got 0'],
    ['openai', { silenceTimeoutMs: Number.NaN }, 'openai: silenceTimeoutMs: expected milliseconds above 0, got NaN'],
    ['openai', { apiVersion: '2024-10-21' }, 'openai: apiVersion is there for kind azure only, and this is openai'],
    ['openai', { deployments: {} }, 'openai: deployments is there for kind azure only'],
    ['azure', { url: 'https://a.openai.azure.com/openai/deployments/x' }, "azure: url: expected the resource's own"]
  ])('says of %s with %o what is wrong, and never a secret', (name, options, message) => {
    let error: unknown
    try {
      openProvider(name, options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'invalid-option' })
    expect(String(error)).toContain(message)
    expect(String(error)).not.toContain('sk-secret')
  })
})

describe('azure', () => {
  const deployments = { 'gpt-4o': 'our gpt/4o' }
  const chat = { model: 'gpt-4o', messages }

  it.each(['', '/', '/openai', '/openai/', '/openai/v1', '/openai/v1/'])(
    'is asked at its newer address when that ends with "%s"',
    async (end) => {
      const provider = openProvider('azure', { url: `https://name.openai.azure.com${end}` })
      expect(provider).toMatchObject({ baseUrl: 'https://name.openai.azure.com/openai/v1', pricesOf: 'azure' })
      await provider.close()
      const classic = openProvider('azure', { url: `https://name.openai.azure.com${end}`, apiVersion: '2024-10-21' })
      expect(classic.baseUrl).toBe('https://name.openai.azure.com/openai')
      await classic.close()
    }
  )

  it('reads the deployment in the model, with nothing else changed', async () => {
    const named = await heardFrom('azure', { deployments }, {}, { body: { temperature: 1, ...chat } })
    expect(named.path).toBe('/openai/v1/chat/completions')
    expect(named.body).toBe(JSON.stringify({ temperature: 1, ...chat, model: 'our gpt/4o' }))
    const other = await heardFrom('azure', { deployments }, {}, { body: { ...chat, model: 'constructor' } })
    expect(JSON.parse(other.body)).toMatchObject({ model: 'constructor' })
  })

  it("reads it in the path where a version is given, and the caller's words stay as they are", async () => {
    const options = { deployments, apiVersion: '2024-10-21' }
    const asChat = await heardFrom('azure', options, {}, { body: chat, query: '?api-version=1&a=b' })
    expect(asChat.path).toBe('/openai/deployments/our%20gpt%2F4o/chat/completions?a=b&api-version=2024-10-21')
    expect(asChat.body).toBe(JSON.stringify(chat))
    const half = await heardFrom('azure', options, {}, { body: { ...chat, model: 'half \ud83d' } })
    expect(half.path).toBe('/openai/deployments/half%20%EF%BF%BD/chat/completions?api-version=2024-10-21')
    const asEmbedding = await heardFrom(
      'azure',
      options,
      {},
      { wire: openaiEmbeddings, body: { model: 'small', input: 'a' } }
    )
    expect(asEmbedding.path).toBe('/openai/deployments/small/embeddings?api-version=2024-10-21')
    const asResponse = await heardFrom(
      'azure',
      options,
      {},
      { wire: openaiResponses, body: { model: 'gpt-4o', input: 'a' } }
    )
    expect(asResponse.path).toBe('/openai/responses?api-version=2024-10-21')
    expect(JSON.parse(asResponse.body)).toEqual({ model: 'our gpt/4o', input: 'a' })
  })

  it('is given the version with whatever is forwarded to it', async () => {
    const provider = openProvider('azure', { url: server.url, apiVersion: '2024-10-21' })
    const response = await provider.forward('/files', {
      method: 'GET',
      headers: {},
      body: null,
      signal: context.caller.signal
    })
    await response.body.dump()
    expect(taken(server.heard.at(-1) ?? '').path).toBe('/openai/files?api-version=2024-10-21')
    expect(provider.urlOf('/realtime?a=b')).toBe(`${server.url}/openai/realtime?a=b&api-version=2024-10-21`)
    await provider.close()
  })
})
