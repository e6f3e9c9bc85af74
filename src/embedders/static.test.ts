import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type GivenTensor,
  safetensors,
  spellingModel,
  unigramTokenizer,
  wordPieceTokenizer,
  writeStaticModel
} from '../../test/support/static-model.ts'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import { embedderContract } from '../testing/embedder-contract.ts'
import { staticEmbedder } from './static.ts'

const temporary = temporaryFolder()
afterAll(() => temporary.remove())

const vocabulary = ['[UNK]', '[CLS]', 'cold', 'warm', '##er']
/** The row of each token of the vocabulary. */
const rows: readonly (readonly [number, number])[] = [
  [0.5, 0.5],
  [-1, -1],
  [1, 0],
  [0, 2],
  [0.25, -0.75]
]
const embeddings: GivenTensor = { dtype: 'F32', shape: [5, 2], numbers: rows.flat() }
let folders = 0

function model(tensors: Readonly<Record<string, GivenTensor>>, tokenizer = wordPieceTokenizer(vocabulary)): string {
  const folder = join(temporary.path, `model-${folders++}`)
  writeStaticModel(folder, { tokenizer, tensors: safetensors(tensors) })
  return folder
}

async function vectorsOf(folder: string, texts: readonly string[]): Promise<number[][]> {
  const embedder = await staticEmbedder({ model: folder })
  return (await embedder.embed(texts)).map((vector) => [...vector])
}

/** The direction of a sum. */
function unit(...[x, y]: readonly [number, number]): number[] {
  const length = Math.hypot(x, y)
  return [Math.fround(x / length), Math.fround(y / length)]
}

describe('a static embedder', () => {
  const spelling = join(temporary.path, 'spelling')
  spellingModel(spelling)
  for (const { name, run } of embedderContract(() => staticEmbedder({ model: spelling }))) it(name, run)

  it('adds the rows of a text up, without special tokens and what is unknown', async () => {
    const folder = model({ embeddings })
    expect(await vectorsOf(folder, ['cold warm', 'Colder', 'cold zzz warm', 'warm warm cold'])).toEqual([
      unit(1, 2),
      unit(1.25, -0.75),
      unit(1, 2),
      unit(1, 4)
    ])
  })

  it('gives an empty vector for a text of which nothing is known, or whose rows add up to nothing', async () => {
    const opposite = model({ embeddings: { ...embeddings, numbers: [0, 0, 0, 0, 1, 1, -1, -1, 0, 0] } })
    expect(await vectorsOf(opposite, ['', 'zzz', 'cold warm', 'cold'])).toEqual([[], [], [], unit(1, 1)])
  })

  it.each(['F64', 'F32', 'F16', 'BF16'])('reads %s', async (dtype) => {
    const folder = model({ embeddings: { ...embeddings, dtype } })
    expect(await vectorsOf(folder, ['cold', 'warm', 'colder'])).toEqual([unit(1, 0), unit(0, 1), unit(1.25, -0.75)])
  })

  it('reads the extremes of 16 bits as they are', async () => {
    // The least half-precision number there is, and the largest: each alone in a row has a direction.
    const numbers = [0, 0, 0, 0, 2 ** -24, 0, 0, 65_504, -65_504, 2 ** -14]
    const folder = model({ embeddings: { dtype: 'F16', shape: [5, 2], numbers } })
    expect(await vectorsOf(folder, ['cold', 'warm'])).toEqual([unit(1, 0), unit(0, 1)])
  })

  it('reads I8, whose one scale for all makes no difference', async () => {
    const numbers = rows.flat().map((value) => Math.round((value / 2) * 127))
    const folder = model({ embeddings: { dtype: 'I8', shape: [5, 2], numbers } })
    const [both] = await vectorsOf(folder, ['cold warm'])
    expect(both?.[0]).toBeCloseTo(unit(1, 2)[0] ?? 0, 2)
    expect(both?.[1]).toBeCloseTo(unit(1, 2)[1] ?? 0, 2)
  })

  it.each(['I64', 'I32'])('follows a mapping in %s, and weighs each token by its own weight', async (dtype) => {
    const folder = model({
      embeddings: { dtype: 'F16', shape: [2, 2], numbers: [1, 0, 0, 1] },
      mapping: { dtype, shape: [5], numbers: [0, 0, 0, 1, 1] },
      weights: { dtype: 'F32', shape: [5], numbers: [1, 1, 3, 2, 0.5] }
    })
    expect(await vectorsOf(folder, ['cold warm', 'colder'])).toEqual([unit(3, 2), unit(3, 0.5)])
  })

  it('takes weights in a column, and a mapping without them', async () => {
    const weighted = model({ embeddings, weights: { dtype: 'F64', shape: [5, 1], numbers: [1, 1, 4, 1, 1] } })
    expect(await vectorsOf(weighted, ['cold warm'])).toEqual([unit(4, 2)])
    const mapped = model({
      embeddings: { dtype: 'F32', shape: [1, 2], numbers: [3, 4] },
      mapping: { dtype: 'I64', shape: [5], numbers: [0, 0, 0, 0, 0] }
    })
    expect(await vectorsOf(mapped, ['cold warm'])).toEqual([unit(3, 4)])
  })

  it('takes the one matrix that there is, whatever its name', async () => {
    const folder = model({
      'embedding.weight': embeddings,
      weights: { dtype: 'F32', shape: [5], numbers: [1, 1, 1, 1, 1] }
    })
    expect(await vectorsOf(folder, ['cold'])).toEqual([unit(1, 0)])
  })

  it('splits words as a Unigram tokenizer does', async () => {
    const pieces = [
      ['<unk>', 0],
      ['▁', -4],
      ['▁cold', -1],
      ['▁warm', -1],
      ['er', -1],
      ['e', -9],
      ['r', -9]
    ] as const
    const tokenizer = unigramTokenizer(pieces)
    const numbers = [9, 9, 0, 0, 1, 0, 0, 1, 0, -3, 9, 9, 9, 9]
    const folder = model({ embeddings: { dtype: 'F32', shape: [7, 2], numbers } }, tokenizer)
    expect(await vectorsOf(folder, ['Cold warm', 'colder', 'xyz', 'cold 日本'])).toEqual([
      unit(1, 1),
      unit(1, -3),
      [],
      unit(1, 0)
    ])
  })

  it('says nothing of a text of which model2vec would see the beginning only', async () => {
    // Tokens have a median length of 4 characters, special ones among them, so that 2,048 characters are looked at.
    const folder = model({ embeddings })
    const vectors = await vectorsOf(folder, [
      'cold '.repeat(409),
      'cold '.repeat(410),
      'warm '.repeat(300_000),
      'cold,'.repeat(256),
      'cold,'.repeat(257)
    ])
    expect(vectors).toEqual([unit(1, 0), [], [], unit(1, 0), []])
  })

  it('is named by its content: the same model anywhere, and another when one number differs', async () => {
    const [one, two] = [model({ embeddings }), model({ embeddings })]
    const other = model({ embeddings: { ...embeddings, numbers: [...rows.flat().slice(1), 7] } })
    const lower = model({ embeddings }, wordPieceTokenizer(vocabulary).replace('"lowercase":true', '"lowercase":false'))
    const names = await Promise.all(
      [one, two, other, lower].map(async (folder) => (await staticEmbedder({ model: folder })).model)
    )
    expect(names[0]).toMatch(/^static:[0-9a-f]{16}$/)
    expect(names[1]).toBe(names[0])
    expect(new Set(names).size).toBe(3)
  })

  it('takes a folder relative to the working directory, and one without config.json', async () => {
    const folder = model({ embeddings })
    rmSync(join(folder, 'config.json'))
    expect(await vectorsOf(relative(process.cwd(), folder), ['cold'])).toEqual([unit(1, 0)])
  })

  it('says how similar texts must be, and can be told', async () => {
    const folder = model({ embeddings })
    expect((await staticEmbedder({ model: folder })).minSimilarity).toBe(0.94)
    expect((await staticEmbedder({ model: folder, minSimilarity: 0.5 })).minSimilarity).toBe(0.5)
    for (const minSimilarity of [0, 1.1, Number.NaN])
      await expect(staticEmbedder({ model: folder, minSimilarity })).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('gives others their turn while it embeds many texts, and stops when nobody waits any more', async () => {
    const embedder = await staticEmbedder({ model: model({ embeddings }) })
    const leaving = new AbortController()
    setImmediate(() => leaving.abort())
    const texts = Array.from({ length: 10_000 }, () => 'cold warm')
    await expect(embedder.embed(texts, { signal: leaving.signal })).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('what is no static model', () => {
  async function refusal(folder: string): Promise<string> {
    const error: unknown = await staticEmbedder({ model: folder }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'invalid-option' })
    return error instanceof Error ? error.message : ''
  }

  it.each(['tokenizer.json', 'model.safetensors'])('is refused for want of %s', async (file) => {
    const folder = model({ embeddings })
    rmSync(join(folder, file))
    expect(await refusal(folder)).toContain(join(folder, file))
    expect(await refusal(folder)).toContain('name the folder of a model2vec model')
  })

  it.each(['', '{}', '[]', '{"model":{"type":"Riddle"},"added_tokens":[]}', '{"model":{"type":"WordPiece"'])(
    'is refused for a tokenizer.json of %j',
    async (text) => {
      const folder = model({ embeddings })
      writeFileSync(join(folder, 'tokenizer.json'), text)
      expect(await refusal(folder)).toContain(`${join(folder, 'tokenizer.json')}: expected a tokenizer`)
    }
  )

  it.each([
    ['tensors of other names', { a: embeddings, b: embeddings }, /expected a tensor embeddings, got a, b/],
    ['no tensor', {}, /expected a tensor embeddings, got none/],
    ['a list for a matrix', { embeddings: { dtype: 'F32', shape: [2], numbers: [1, 2] } }, /got the shape \[2\]/],
    ['no columns', { embeddings: { dtype: 'F32', shape: [5, 0], numbers: [] } }, /got the shape \[5,0\]/],
    ['another type', { embeddings: { dtype: 'U8', shape: [5, 2], numbers: rows.flat().map(() => 1) } }, /got U8/],
    ['too few rows', { embeddings: { dtype: 'F32', shape: [2, 2], numbers: [1, 2, 3, 4] } }, /5 tokens, and 2 rows/],
    [
      'too few weights',
      { embeddings, weights: { dtype: 'F32', shape: [1], numbers: [1] } },
      /1 rows in the tensor weights/
    ],
    [
      'too short a mapping',
      { embeddings, mapping: { dtype: 'I64', shape: [1], numbers: [1] } },
      /1 rows in the tensor mapping/
    ],
    [
      'a mapping to nowhere',
      { embeddings, mapping: { dtype: 'I64', shape: [5], numbers: [0, 1, 5, 0, 0] } },
      /a mapping to row 5, and 5 rows/
    ],
    [
      'weights of text',
      { embeddings, weights: { dtype: 'U8', shape: [5], numbers: [1, 1, 1, 1, 1] } },
      /weights.*got U8/
    ]
  ] as const)('is refused for %s', async (_, tensors: Readonly<Record<string, GivenTensor>>, message) => {
    const folder = model(tensors)
    expect(await refusal(folder)).toMatch(message)
    expect(await refusal(folder)).toContain(join(folder, 'model.safetensors'))
  })

  it('gives an empty vector and not NaN for rows that are no numbers', async () => {
    const numbers = [...rows.flat()]
    numbers[4] = Number.NaN
    numbers[6] = Number.POSITIVE_INFINITY
    expect(await vectorsOf(model({ embeddings: { ...embeddings, numbers } }), ['cold', 'warm', 'colder'])).toEqual([
      [],
      [],
      []
    ])
  })

  it.each(['', 'nowhere', './nowhere/model', '~/nowhere/model', 'a/b/c', '../up'])(
    'is refused for %j',
    async (text) => {
      expect(await refusal(text)).toMatch(/^embedder: expected a folder/)
      expect(await refusal(text)).not.toContain(homedir())
    }
  )
})

// Beside the evaluation data, which a fresh clone does not have.
const real = join(process.env['REPRISE_DATA'] ?? '../shared/data', '..', 'models', 'static-256')
const isThere = existsSync(real)

describe(`a model of 30,522 tokens${isThere ? '' : ` (not at ${real}: not looked at)`}`, () => {
  it.skipIf(!isThere)('finds questions as alike as model2vec itself does', async () => {
    const { embed } = await staticEmbedder({ model: real })
    const [reset, forgot, capital] = (await embed([
      'How do I reset my password?',
      'I forgot my password, what do I do?',
      'What is the capital of France?'
    ])) as [Float32Array, Float32Array, Float32Array]
    const cosine = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0)
    expect(cosine(reset, forgot)).toBeCloseTo(0.685, 3)
    expect(cosine(reset, capital)).toBeCloseTo(0.067, 3)
    expect(cosine(forgot, capital)).toBeCloseTo(0.03, 3)
  })
})
