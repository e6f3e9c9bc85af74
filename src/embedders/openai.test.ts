import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddingsServer, embeddingsServer } from '../../test/support/embeddings-server.ts'
import { ProviderError } from '../core/errors.ts'
import { embedderContract } from '../testing/embedder-contract.ts'
import { type SimulatedProvider, simulatedProvider } from '../testing/simulated-provider.ts'
import type { Embedder } from './embedder.ts'
import { type OpenaiEmbedderOptions, openaiEmbedder } from './openai.ts'

const model = 'text-embedding-3-small'
const key = 'sk-do-not-say'
const opened: Embedder[] = []
let provider: SimulatedProvider
let server: EmbeddingsServer

beforeAll(async () => {
  provider = await simulatedProvider()
  server = await embeddingsServer({ embed: (text) => [text.length, 1] })
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((embedder) => embedder.close()))
  provider.reset()
  server.calls.length = 0
})
afterAll(() => Promise.all([provider.close(), server.close()]))

/** At the endpoint whose calls a test looks at. */
function open(options: Partial<OpenaiEmbedderOptions> = {}): Embedder {
  const embedder = openaiEmbedder({ model, url: server.url, apiKey: key, ...options })
  opened.push(embedder)
  return embedder
}

function atProvider(options: Partial<OpenaiEmbedderOptions> = {}): Embedder {
  return open({ url: provider.openaiUrl, ...options })
}

async function failureOf(
  embedder: Embedder,
  texts: readonly string[] = ['a']
): Promise<Error & Record<string, unknown>> {
  const error: unknown = await embedder.embed(texts).then(
    () => undefined,
    (reason: unknown) => reason
  )
  expect(error).toBeInstanceOf(Error)
  return error as Error & Record<string, unknown>
}

describe('an OpenAI embedder', () => {
  describe('at the simulated provider', () => {
    for (const { name, run } of embedderContract(() => atProvider())) it(name, run)
  })

  describe('at an endpoint that gives lists of numbers, as Ollama does', () => {
    let lists: EmbeddingsServer
    beforeAll(async () => {
      lists = await embeddingsServer({ lists: true })
    })
    afterAll(() => lists.close())
    for (const { name, run } of embedderContract(() => open({ url: lists.url }))) it(name, run)
  })

  it('asks for what OpenAI takes, with the key and the headers given', async () => {
    const [vector] = await open({ dimensions: 2, headers: { 'x-team': 'search' } }).embed(['abc'])
    expect(vector).toEqual(Float32Array.of(3 / Math.sqrt(10), 1 / Math.sqrt(10)))
    expect(server.calls).toHaveLength(1)
    expect(server.calls[0]).toMatchObject({
      path: '/v1/embeddings',
      headers: { authorization: `Bearer ${key}`, 'x-team': 'search', 'content-type': 'application/json' },
      body: { model, input: ['abc'], encoding_format: 'base64', dimensions: 2 }
    })
  })

  it('asks without a key or dimensions where none are given', async () => {
    await openaiEmbedder({ model, url: `${server.url}/?api-version=1` }).embed(['abc'])
    expect(server.calls[0]?.path).toBe('/v1/embeddings?api-version=1')
    expect(server.calls[0]?.headers.authorization).toBeUndefined()
    expect(server.calls[0]?.body).toEqual({ model, input: ['abc'], encoding_format: 'base64' })
  })

  it('gets shorter vectors from a model that has them', async () => {
    const [vector] = await atProvider({ dimensions: 256 }).embed(['abc'])
    expect(vector).toHaveLength(256)
  })

  it('sends texts in batches, by their number and by their size', async () => {
    const texts = Array.from({ length: 7 }, (_, index) => 'x'.repeat(index + 1))
    const vectors = await open({ batchSize: 3 }).embed(texts)
    expect(server.calls.map(({ body }) => body.input.length)).toEqual([3, 3, 1])
    expect(vectors.map(([first = 0, second = 0]) => Math.round(first / second))).toEqual([1, 2, 3, 4, 5, 6, 7])
    server.calls.length = 0
    // In all 320,000 bytes, and each three bytes a character.
    await open().embed(Array.from({ length: 40 }, () => '日'.repeat(2666)))
    expect(server.calls.map(({ body }) => body.input.length)).toEqual([37, 3])
  })

  it('does not send what the provider would refuse, and has empty vectors for it', async () => {
    const vectors = await open().embed(['', 'abc', ' \n', 'x'.repeat(8001), '日'.repeat(2667), 'x'.repeat(8000)])
    expect(server.calls.map(({ body }) => body.input)).toEqual([['abc', 'x'.repeat(8000)]])
    expect(vectors.map(({ length }) => length)).toEqual([0, 2, 0, 0, 0, 2])
    expect(await open().embed([''])).toEqual([new Float32Array(0)])
    expect(server.calls).toHaveLength(1)
  })

  it('is named by all that changes its vectors', () => {
    expect(openaiEmbedder({ model }).model).toBe('openai:text-embedding-3-small')
    expect(openaiEmbedder({ model, url: 'https://api.openai.com/v1/' }).model).toBe('openai:text-embedding-3-small')
    expect(openaiEmbedder({ model, dimensions: 256 }).model).toBe('openai:text-embedding-3-small#256')
    const url = 'http://user:geheim@127.0.0.1:11434/v1?key=geheim'
    expect(openaiEmbedder({ model: 'nomic-embed-text:latest', url }).model).toBe(
      'openai:nomic-embed-text:latest@http://127.0.0.1:11434/v1'
    )
  })

  it.each([
    ['text-embedding-3-small', 0.92],
    ['text-embedding-ada-002', 0.97],
    ['openai/text-embedding-3-large', 0.92],
    ['nomic-embed-text:v1.5', 0.95],
    ['mxbai-embed-large', 0.95],
    ['sentence-transformers/all-MiniLM-L6-v2', 0.9],
    ['BAAI/bge-small-en-v1.5', 0.96],
    ['something-new', 0.96]
  ])('expects a similarity by the name of the model: %s', (name, expected) => {
    expect(openaiEmbedder({ model: name }).minSimilarity).toBe(expected)
    expect(openaiEmbedder({ model: name, minSimilarity: 0.5 }).minSimilarity).toBe(0.5)
  })

  it.each([
    [{ model: '' }, /expected the name of an embedding model/],
    [{ url: 'api.openai.com' }, /expected an http or https URL/],
    [{ url: 'redis://user:geheim@host' }, /expected an http or https URL/],
    [{ apiKey: 'geheim\n' }, /expected an API key of visible ASCII/],
    [{ batchSize: 0 }, /batchSize: expected a whole number from 1 to 2048, got 0/],
    [{ batchSize: 2049 }, /batchSize/],
    [{ dimensions: 1.5 }, /dimensions/],
    [{ maxRetries: -1 }, /maxRetries: expected a whole number of at least 0/],
    [{ timeoutMs: 0 }, /timeoutMs/],
    [{ maxTextBytes: 300_001 }, /maxTextBytes/],
    [{ minSimilarity: 2 }, /minSimilarity: expected a cosine/]
  ])('refuses %j', (options, message) => {
    expect(() => open(options)).toThrow(message)
    expect(() => open(options)).not.toThrow('geheim')
    expect(() => open(options)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })
})

describe('an OpenAI embedder whose provider', () => {
  const soon = { 'retry-after-ms': '1' }

  it.each([408, 409, 429, 500, 503])('answers %i for the moment is asked again', async (status) => {
    provider.fail({ status, headers: soon }, { status, headers: soon })
    expect(await atProvider().embed(['abc'])).toHaveLength(1)
    expect(provider.count()).toBe(3)
  })

  it('keeps failing is given up, with its own answer', async () => {
    provider.fail({ every: { status: 429, headers: soon } })
    const error = await failureOf(atProvider())
    expect(error).toBeInstanceOf(ProviderError)
    expect(error).toMatchObject({ status: 429, retryable: true, provider: 'openai' })
    expect(provider.count()).toBe(3)
  })

  it('asks for more patience than there is, is not asked again', async () => {
    provider.fail({ status: 429, headers: { 'retry-after': '60' } })
    expect(await failureOf(atProvider())).toMatchObject({ status: 429 })
    expect(provider.count()).toBe(1)
  })

  it('refuses is not asked again', async () => {
    provider.fail({ status: 400 })
    expect(await failureOf(atProvider())).toMatchObject({ status: 400, retryable: false })
    expect(provider.count()).toBe(1)
  })

  it('breaks off is asked again', async () => {
    provider.fail('cut-plain')
    expect(await atProvider().embed(['abc'])).toHaveLength(1)
    expect(provider.count()).toBe(2)
  })

  it('does not answer in time is asked again, and then given up', async () => {
    provider.fail('hang', 'hang')
    const error = await failureOf(atProvider({ timeoutMs: 50, maxRetries: 1 }))
    expect(error).toMatchObject({ code: 'provider-timeout', message: expect.stringContaining('50 ms') })
    expect(provider.count()).toBe(2)
  })

  it('is not there cannot be reached', async () => {
    const error = await failureOf(open({ url: 'http://127.0.0.1:1/v1', maxRetries: 0 }))
    expect(error).toMatchObject({
      code: 'provider-unreachable',
      message: expect.stringContaining('http://127.0.0.1:1')
    })
  })

  it('hangs is left when the caller goes', async () => {
    server.next('hang')
    const embedder = open()
    const leaving = new AbortController()
    const asked = server.asked()
    const gone = embedder.embed(['a'], { signal: leaving.signal })
    await asked
    leaving.abort()
    await expect(gone).rejects.toMatchObject({ code: 'aborted' })
    expect(server.calls).toHaveLength(1)
  })

  it('asks for patience is left when the caller goes', async () => {
    const reply = { status: 429, headers: { 'retry-after': '8' }, body: '' }
    server.next(reply)
    const leaving = new AbortController()
    const asked = server.asked()
    const gone = open().embed(['a'], { signal: leaving.signal })
    await asked
    leaving.abort()
    await expect(gone).rejects.toMatchObject({ code: 'aborted' })
  })

  it('names the key in its answer does not get it into an error', async () => {
    const body = JSON.stringify({ error: { message: `Incorrect API key provided: ${key}` } })
    server.next({ status: 401, body })
    const error = await failureOf(open())
    expect(error).toMatchObject({ status: 401 })
    expect(Buffer.from((error as unknown as ProviderError).body).toString()).toBe(body.replace(key, '[key]'))
    for (const text of [error.message, error.stack, JSON.stringify(error)]) expect(text).not.toContain(key)
  })

  it.each([
    ['no JSON', '<html>'],
    ['no list', '{"data":{}}'],
    ['nothing', 'null'],
    ['too few', '{"data":[]}'],
    ['too many', '{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1]}]}'],
    ['an index that is not there', '{"data":[{"index":1,"embedding":[1]}]}'],
    ['an index that is no number', '{"data":[{"index":"0","embedding":[1]}]}'],
    ['no vector', '{"data":[{"index":0}]}'],
    ['an empty vector', '{"data":[{"index":0,"embedding":[]}]}'],
    ['a vector of words', '{"data":[{"index":0,"embedding":["1"]}]}'],
    ['a vector with a hole', '{"data":[{"index":0,"embedding":[1,null]}]}'],
    [
      'infinite numbers',
      `{"data":[{"index":0,"embedding":"${Buffer.from(Float32Array.of(1 / 0).buffer).toString('base64')}"}]}`
    ],
    ['half a number', '{"data":[{"index":0,"embedding":"AAA="}]}']
  ])('answers with %s has answered nonsense', async (_, body) => {
    server.next({ body })
    expect(await failureOf(open())).toMatchObject({
      code: 'provider-malformed',
      message: expect.stringMatching(/^openai: /)
    })
    expect(server.calls).toHaveLength(1)
  })

  it('gives vectors of another length than asked for, or than before, has answered nonsense', async () => {
    const error = await failureOf(open({ dimensions: 3 }))
    expect(error).toMatchObject({
      code: 'provider-malformed',
      message: expect.stringContaining('vectors of 3 numbers, got one of 2')
    })
    const embedder = open()
    await embedder.embed(['a'])
    server.next({ body: '{"data":[{"index":0,"embedding":[1,2,3]}]}' })
    expect(await failureOf(embedder)).toMatchObject({ code: 'provider-malformed' })
  })

  it('gives only zeros knows nothing of the text', async () => {
    server.next({ body: '{"data":[{"index":0,"embedding":[0,0]}]}' })
    expect(await open().embed(['a'])).toEqual([new Float32Array(0)])
  })
})
