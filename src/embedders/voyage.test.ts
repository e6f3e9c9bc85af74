import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddingsServer, embeddingsServer } from '../../test/support/embeddings-server.ts'
import { embedderContract } from '../testing/embedder-contract.ts'
import { voyageEmbedder } from './voyage.ts'

const model = 'voyage-4'
const apiKey = 'pa-do-not-say'
let server: EmbeddingsServer

beforeAll(async () => {
  server = await embeddingsServer()
})
beforeEach(() => {
  server.calls.length = 0
})
afterAll(() => server.close())

describe('a Voyage embedder', () => {
  for (const { name, run } of embedderContract(() => voyageEmbedder({ model, apiKey, url: server.url }))) it(name, run)

  it('asks for vectors as they are, and for no text to be cut', async () => {
    await voyageEmbedder({ model, apiKey, url: server.url }).embed(['abc'])
    expect(server.calls[0]).toMatchObject({ path: '/v1/embeddings', headers: { authorization: `Bearer ${apiKey}` } })
    expect(server.calls[0]?.body).toEqual({ model, input: ['abc'], encoding_format: 'base64', truncation: false })
  })

  it('asks for one type of input and for a length, when it is told to', async () => {
    const embedder = voyageEmbedder({ model, apiKey, url: server.url, inputType: 'query', dimensions: 16 })
    await embedder.embed(['abc'])
    expect(server.calls[0]?.body).toMatchObject({ input_type: 'query', output_dimension: 16 })
    expect(embedder.model).toBe(`voyage:voyage-4#16#query@${server.url}`)
  })

  it('sends no more than 120,000 tokens at once, and no more than 1,000 texts', async () => {
    const texts = Array.from({ length: 40 }, () => 'x'.repeat(8000))
    await voyageEmbedder({ model, apiKey, url: server.url }).embed(texts)
    expect(server.calls.map(({ body }) => body.input.length)).toEqual([15, 15, 10])
    expect(() => voyageEmbedder({ model, apiKey, batchSize: 1001 })).toThrow(/batchSize: .* from 1 to 1000/)
  })

  it('is tried again when it fails for the moment', async () => {
    server.next({ status: 429, headers: { 'retry-after': '0' }, body: '{"detail":"slow down"}' })
    expect(await voyageEmbedder({ model, apiKey, url: server.url }).embed(['abc'])).toHaveLength(1)
    expect(server.calls).toHaveLength(2)
  })

  it.each([
    ['voyage-4-lite', 0.95],
    ['voyage-3.5', 0.95],
    ['voyage-law-2', 0.96]
  ])('expects a similarity by the name of the model: %s', (name, expected) => {
    const embedder = voyageEmbedder({ model: name, apiKey })
    expect(embedder.minSimilarity).toBe(expected)
    expect(embedder.model).toBe(`voyage:${name}`)
  })
})
