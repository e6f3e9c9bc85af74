import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import {
  embeddingFiles,
  floatSeed,
  quantizedSeed,
  slowEmbeddingOnnx,
  tinyTokenizer,
  tokenVector,
  writeModel
} from '../../test/support/tiny-model.ts'
import { embedderContract } from '../testing/embedder-contract.ts'
import type { Embedder } from './embedder.ts'
import { type LocalEmbedderOptions, localEmbedder } from './local.ts'

const temporary = temporaryFolder()
const opened: Embedder[] = []
let folders = 0

afterEach(async () => {
  await Promise.all(opened.splice(0).map((embedder) => embedder.close()))
})

afterAll(() => temporary.remove())

function modelFolder(files: Readonly<Record<string, string | Buffer>>, name = `model-${folders++}`): string {
  const folder = join(temporary.path, name)
  writeModel(folder, files)
  return folder
}

async function open(options: LocalEmbedderOptions): Promise<Embedder> {
  const embedder = await localEmbedder(options)
  opened.push(embedder)
  return embedder
}

/** By hand: the mean of the tokens' vectors, those that say where a text begins and ends included, of length one. */
function expected(text: string, seed: number): readonly number[] {
  const tokens = ['[CLS]', ...text.split(' ').filter((word) => word !== ''), '[SEP]'].map((word) =>
    tokenVector(word, seed)
  )
  const sums = tokenVector('[CLS]').map((_, index) => tokens.reduce((sum, vector) => sum + (vector[index] ?? 0), 0))
  const length = Math.hypot(...sums)
  return sums.map((sum) => sum / length)
}

function expectVector(vector: Float32Array | undefined, values: readonly number[]): void {
  expect(vector).toHaveLength(values.length)
  for (const [index, value] of values.entries()) expect(vector?.[index]).toBeCloseTo(value, 5)
}

describe('a local embedder', () => {
  const texts = ['how old is the earth', 'moon', '', 'when is the moon']

  it('gives the mean of the tokens, whatever else is in the batch', async () => {
    const embedder = await open({ model: modelFolder(embeddingFiles()), precision: 'float32' })
    const vectors = await embedder.embed(texts)
    expect(vectors).toHaveLength(texts.length)
    for (const [index, text] of texts.entries()) expectVector(vectors[index], expected(text, floatSeed))
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 6)
  })

  it('takes the quantised model unless it is asked for the other', async () => {
    const folder = modelFolder(embeddingFiles())
    const quantised = await open({ model: folder })
    const float = await open({ model: folder, precision: 'float32' })
    for (const [index, vector] of (await quantised.embed(texts)).entries())
      expectVector(vector, expected(texts[index] ?? '', quantizedSeed))
    expect(quantised.model).toMatch(/^local:[0-9a-f]{16}:int8$/)
    expect(float.model).toMatch(/^local:[0-9a-f]{16}:float32$/)
    expect(float.minSimilarity).toBe(0.95)
  })

  it('finds a quantised model under the name that sentence-transformers gives it', async () => {
    const { 'onnx/model_quantized.onnx': quantised = '', ...rest } = embeddingFiles()
    const file = process.arch === 'arm64' ? 'model_qint8_arm64' : 'model_quint8_avx2'
    const embedder = await open({ model: modelFolder({ ...rest, [`onnx/${file}.onnx`]: quantised }) })
    expectVector((await embedder.embed(['moon']))[0], expected('moon', quantizedSeed))
  })

  it('pools as the model says', async () => {
    const pooling = { word_embedding_dimension: 3, pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }
    const files = { ...embeddingFiles(), '1_Pooling/config.json': JSON.stringify(pooling) }
    const embedder = await open({ model: modelFolder(files) })
    const first = tokenVector('[CLS]', quantizedSeed)
    const [vector] = await embedder.embed(['how old is the moon'])
    expectVector(
      vector,
      first.map((value) => value / Math.hypot(...first))
    )
  })

  it('refuses a model that pools in another way', async () => {
    const files = { ...embeddingFiles(), '1_Pooling/config.json': '{"pooling_mode_max_tokens": true}' }
    await expect(open({ model: modelFolder(files) })).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('expected pooling by mean_tokens or cls_token, got max_tokens')
    })
  })

  it('says nothing of a text that it cannot read whole', async () => {
    const embedder = await open({ model: modelFolder(embeddingFiles()) })
    const words = (count: number): string =>
      Array.from({ length: count }, (_, index) => (index % 2 === 0 ? 'moon' : 'earth')).join(' ')
    const texts = [words(14), words(15), 'how old is the xylophone', '😀 moon '.repeat(3_000_000), 'moon']
    const [fits, long, unknown, huge, moon] = await embedder.embed(texts)
    expectVector(fits, expected(words(14), quantizedSeed))
    expectVector(moon, expected('moon', quantizedSeed))
    for (const vector of [long, unknown, huge]) expect(vector).toEqual(new Float32Array())
  })

  it('expects less similarity of a MiniLM, and what it is told of any', async () => {
    const miniature = modelFolder(embeddingFiles(), 'all-MiniLM-L6-v2')
    expect(await open({ model: miniature })).toMatchObject({ name: 'local', minSimilarity: 0.92, isCheap: false })
    expect(await open({ model: modelFolder(embeddingFiles()), minSimilarity: 0.9 })).toMatchObject({
      minSimilarity: 0.9
    })
  })

  it('answers many texts at once, each in its place, more than fit into one question', async () => {
    const embedder = await open({ model: modelFolder(embeddingFiles()), precision: 'float32' })
    const many = Array.from({ length: 100 }, (_, index) => texts[index % texts.length] ?? '')
    const all = await Promise.all([embedder.embed(many), embedder.embed(['moon']), embedder.embed(many.slice(0, 40))])
    const [hundred, moon, forty] = all
    for (const [index, text] of many.entries()) expectVector(hundred[index], expected(text, floatSeed))
    expectVector(moon[0], expected('moon', floatSeed))
    expect(forty).toHaveLength(40)
    expect(await embedder.embed([])).toEqual([])
  })

  it('lets the event loop go on while it embeds', async () => {
    const embedder = await open({
      model: modelFolder({ ...tinyTokenizer(), 'onnx/model.onnx': slowEmbeddingOnnx(100) }),
      precision: 'float32'
    })
    let turns = 0
    let isRunning = true
    const embedding = embedder.embed(new Array<string>(64).fill('how old is the earth')).finally(() => {
      isRunning = false
    })
    while (isRunning) {
      await new Promise((resolve) => setImmediate(resolve))
      turns++
    }
    await embedding
    expect(turns).toBeGreaterThan(20)
  })

  it('rejects what was asked when it is closed, and closes twice', async () => {
    const embedder = await open({ model: modelFolder(embeddingFiles()) })
    const asked = embedder.embed(texts)
    const rejected = expect(asked).rejects.toThrow('closed')
    await Promise.all([embedder.close(), embedder.close()])
    await rejected
    await embedder.close()
    await expect(embedder.embed(texts)).rejects.toThrow('closed')
  })
})

describe.each(['int8', 'float32'] as const)('the contract of embedders, with %s', (precision) => {
  let embedder: Embedder

  beforeAll(async () => {
    embedder = await localEmbedder({ model: modelFolder(embeddingFiles()), precision })
  })

  afterAll(() => embedder.close())

  // One for all cases, for each would load the model anew; what closing does is looked at above.
  for (const { name, run } of embedderContract(() => ({ ...embedder, close: async () => {} }))) it(name, run)
})

describe('a local embedder that cannot be opened', () => {
  it('names the folder, what is missing in it and what to do', async () => {
    const folder = modelFolder(embeddingFiles())
    rmSync(join(folder, 'tokenizer.json'))
    rmSync(join(folder, 'onnx'), { recursive: true })
    await expect(open({ model: folder })).rejects.toMatchObject({
      code: 'invalid-option',
      message: `the model's folder ${folder} lacks tokenizer.json, onnx/model_quantized.onnx (precision int8): export the model with optimum-cli, or copy it from the hub`
    })
  })

  it('says when the other precision is there', async () => {
    const folder = modelFolder(embeddingFiles())
    rmSync(join(folder, 'onnx', 'model_quantized.onnx'))
    await expect(open({ model: folder })).rejects.toThrow('choose the precision float32, which is there')
    rmSync(join(folder, 'onnx', 'model.onnx'))
  })

  it('says that there is no such folder', async () => {
    const folder = join(temporary.path, 'nowhere')
    await expect(open({ model: folder })).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(`there is no folder ${folder}`)
    })
  })

  it('names a model that cannot be read', async () => {
    const folder = modelFolder({ ...embeddingFiles(), 'onnx/model_quantized.onnx': 'no model' })
    await expect(open({ model: folder })).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(`the model in ${folder} (onnx/model_quantized.onnx) cannot be loaded`)
    })
  })

  it.each<[string, LocalEmbedderOptions]>([
    ['threads: expected a whole number of at least 1, got 0', { threads: 0 }],
    ['minSimilarity: expected a cosine above 0 and at most 1, got 2', { minSimilarity: 2 }],
    ['precision: expected int8 or float32, got "int4"', { precision: 'int4' as 'int8' }],
    ['model: expected a folder, or the name of a model', { model: '../..//x' }]
  ])('says %s', async (message, options) => {
    await expect(open(options)).rejects.toThrow(message)
  })
})
