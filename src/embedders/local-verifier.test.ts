import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import { pairOnnx, tinyTokenizer, writeModel } from '../../test/support/tiny-model.ts'
import { type CrossEncoder, type CrossEncoderOptions, crossEncoder } from './local-verifier.ts'

const temporary = temporaryFolder()
const opened: CrossEncoder[] = []
let folders = 0

afterEach(async () => {
  await Promise.all(opened.splice(0).map((verifier) => verifier.close()))
})

afterAll(() => temporary.remove())

async function open(
  weigh: (token: string) => readonly number[],
  options: CrossEncoderOptions = {}
): Promise<CrossEncoder> {
  const model = join(temporary.path, `model-${folders++}`)
  writeModel(model, { ...tinyTokenizer(), 'onnx/model_quantized.onnx': pairOnnx(weigh) })
  const verifier = await crossEncoder({ model, ...options })
  opened.push(verifier)
  return verifier
}

describe('a cross-encoder', () => {
  it('takes the logistic function of one number for the probability', async () => {
    // 1 / (1 + exp(-2)) = 0.8808, 1 / (1 + exp(-4)) = 0.9820
    const weigh = (token: string) => [token === 'moon' ? 2 : 0]
    const verifier = await open(weigh)
    expect(await verifier.verify('the moon', 'the earth')).toBe(false)
    expect(await verifier.verify('the moon', 'moon')).toBe(true)
    const lenient = await open(weigh, { minProbability: 0.88 })
    expect(await lenient.verify('the moon', 'the earth')).toBe(true)
    const strict = await open(weigh, { minProbability: 0.983 })
    expect(await strict.verify('the moon', 'moon')).toBe(false)
  })

  it('takes the second of two numbers for the same', async () => {
    // softmax([1, 4])[1] = 0.9526, softmax([4, 1])[1] = 0.0474
    const verifier = await open((token) => (token === 'moon' ? [1, 4] : token === 'earth' ? [4, 1] : [0, 0]))
    expect(await verifier.verify('the moon', 'the')).toBe(true)
    expect(await verifier.verify('the earth', 'the')).toBe(false)
    expect(await verifier.verify('the', 'the')).toBe(false)
  })

  it('says no of what it cannot read to its end, or without gaps', async () => {
    const verifier = await open(() => [1], { minProbability: 0.5 })
    expect(await verifier.verify('how old is the moon', 'how old is the earth')).toBe(true)
    // It sees 16 tokens, three of which say where the texts begin and end.
    expect(await verifier.verify('moon '.repeat(7), 'moon '.repeat(6))).toBe(true)
    expect(await verifier.verify('moon '.repeat(7), 'moon '.repeat(7))).toBe(false)
    expect(await verifier.verify('how old is the zebra', 'how old is the earth')).toBe(false)
    const blank = ' '.repeat(1000)
    expect(await verifier.verify(`moon${blank}moon`, `moon${blank}earth`)).toBe(false)
  })

  it('answers many at once, each its own', async () => {
    const verifier = await open((token) => [token === 'moon' ? 4 : 0])
    const texts = Array.from({ length: 70 }, (_, index) => (index % 3 === 0 ? 'the moon' : 'the earth'))
    expect(await Promise.all(texts.map((text) => verifier.verify(text, 'why')))).toEqual(
      texts.map((text) => text === 'the moon')
    )
  })

  it('has the name of its model, and rejects when it is closed or its caller has gone', async () => {
    const verifier = await open(() => [0])
    expect(verifier.name).toMatch(/^cross-encoder:[0-9a-f]{16}:int8$/)
    await expect(verifier.verify('moon', 'moon', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted'
    })
    await verifier.close()
    await expect(verifier.verify('moon', 'moon')).rejects.toThrow('closed')
  })

  it('refuses a model that does not say yes or no', async () => {
    await expect(open(() => [0, 1, 2])).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('says 3 numbers of two texts, expected 1 or 2')
    })
  })

  it('refuses a probability that cannot be', async () => {
    await expect(crossEncoder({ minProbability: 90 })).rejects.toThrow(
      'minProbability: expected a number from 0 to 1, got 90'
    )
  })
})
