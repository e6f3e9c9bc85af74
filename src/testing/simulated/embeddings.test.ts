import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedProvider, simulatedProvider } from '../simulated-provider.ts'

let provider: SimulatedProvider
let client: OpenAI
beforeAll(async () => {
  provider = await simulatedProvider()
  client = new OpenAI({ apiKey: 'key', baseURL: provider.openaiUrl, maxRetries: 0 })
})
afterAll(() => provider.close())

const model = 'text-embedding-3-small'

describe('simulated embeddings', () => {
  it('are the same numbers in both encodings, and exactly those of 32 bits', async () => {
    const asked = { model, input: ['one', 'two'], dimensions: 256 }
    const floats = await client.embeddings.create({ ...asked, encoding_format: 'float' })
    // Without an encoding the SDK asks for base 64, and decodes it.
    const decoded = await client.embeddings.create(asked)
    expect(provider.calls.at(-1)?.body).toMatchObject({ encoding_format: 'base64' })
    expect(decoded.data.map((item) => [...item.embedding])).toEqual(floats.data.map((item) => item.embedding))
    expect(floats.data[0]?.embedding).toEqual([...Float32Array.from(floats.data[0]?.embedding ?? [])])
    expect(decoded.usage).toEqual(floats.usage)
  })

  it('are unit vectors, the same for the same text and others for others', async () => {
    const { data } = await client.embeddings.create({ model, input: ['one', 'two', 'one'] })
    const [one, two, again] = data.map((item) => [...item.embedding])
    expect(one).toHaveLength(1536)
    expect(Math.hypot(...(one ?? []))).toBeCloseTo(1, 5)
    expect(again).toEqual(one)
    expect(two).not.toEqual(one)
    expect(data.map((item) => item.index)).toEqual([0, 1, 2])
  })

  it('take one text, a list, tokens, and lists of tokens', async () => {
    const lengths = []
    for (const input of ['one', ['one', 'two'], [1, 2, 3], [[1, 2], [3]]]) {
      const { data, usage } = await client.embeddings.create({ model, input, dimensions: 2 })
      lengths.push([data.length, usage.prompt_tokens])
    }
    expect(lengths).toEqual([
      [1, 1],
      [2, 2],
      [1, 3],
      [2, 3]
    ])
  })

  it('grow shorter from the front', async () => {
    const [long, short] = await Promise.all(
      [1536, 3].map((dimensions) =>
        client.embeddings.create({ model, input: 'one', dimensions, encoding_format: 'float' })
      )
    )
    const front = long?.data[0]?.embedding.slice(0, 3) ?? []
    const length = Math.hypot(...front)
    const vector = short?.data[0]?.embedding ?? []
    expect(vector).toHaveLength(3)
    for (const [index, value] of vector.entries()) expect(value).toBeCloseTo((front[index] ?? 0) / length, 5)
  })

  it('point where the caller wants them to', async () => {
    const steered = await simulatedProvider({ embed: (text) => (text === 'up' ? [0, 3, 0] : [2, 0, 0]) })
    const there = new OpenAI({ apiKey: 'key', baseURL: steered.openaiUrl, maxRetries: 0 })
    const { data } = await there.embeddings.create({ model, input: ['up', 'right'], encoding_format: 'float' })
    expect(data.map((item) => item.embedding)).toEqual([
      [0, 1, 0],
      [1, 0, 0]
    ])
    await steered.close()
  })

  const wrong: readonly [string, object, string | null][] = [
    ['no input', { model }, 'input'],
    ['empty text', { model, input: '' }, 'input'],
    ['an empty list', { model, input: [] }, 'input'],
    ['empty text in a list', { model, input: ['a', ''] }, 'input'],
    ['more than 2048 inputs', { model, input: Array.from({ length: 2049 }, () => 'a') }, 'input'],
    ['something that is not text', { model, input: [true] }, 'input[0]'],
    ['too many dimensions', { model, input: 'a', dimensions: 1537 }, 'dimensions'],
    ['dimensions of a model that has one size', { model: 'text-embedding-ada-002', input: 'a', dimensions: 3 }, null],
    ['an unknown encoding', { model, input: 'a', encoding_format: 'hex' }, 'encoding_format']
  ]
  for (const [name, body, param] of wrong) {
    it(`refuse ${name}`, async () => {
      const error = await client.embeddings
        .create(body as OpenAI.EmbeddingCreateParams)
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(OpenAI.BadRequestError)
      expect(error).toMatchObject({ status: 400, param })
    })
  }
})
