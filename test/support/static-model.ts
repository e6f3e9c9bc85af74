import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a test says of a tensor: its numbers are written in the type's own way. */
export interface GivenTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly numbers: readonly number[]
}

/** Where the numbers of each type are put, and how many bytes they take; 16-bit floats are cut off, not rounded. */
const writers: Readonly<
  Record<string, readonly [bytes: number, write: (to: Buffer, value: number, at: number) => unknown]>
> = {
  F64: [8, (to, value, at) => to.writeDoubleLE(value, at)],
  F32: [4, (to, value, at) => to.writeFloatLE(value, at)],
  F16: [2, (to, value, at) => to.writeUInt16LE(halfBits(value), at)],
  BF16: [2, (to, value, at) => to.writeUInt16LE(floatBits(value) >>> 16, at)],
  I8: [1, (to, value, at) => to.writeInt8(value, at)],
  I32: [4, (to, value, at) => to.writeInt32LE(value, at)],
  I64: [8, (to, value, at) => to.writeBigInt64LE(BigInt(value), at)],
  U8: [1, (to, value, at) => to.writeUInt8(value, at)]
}

/** The bytes of a safetensors file. */
export function safetensors(tensors: Readonly<Record<string, GivenTensor>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const parts: Buffer[] = []
  let offset = 0
  for (const [name, { dtype, shape, numbers }] of Object.entries(tensors)) {
    const [width, write] = writers[dtype] ?? [1, () => {}]
    const part = Buffer.alloc(width * numbers.length)
    for (const [index, value] of numbers.entries()) write(part, value, index * width)
    header[name] = { dtype, shape, data_offsets: [offset, offset + part.length] }
    parts.push(part)
    offset += part.length
  }
  return withHeader(JSON.stringify(header), Buffer.concat(parts))
}

/** The length of a header, the header and the rest, as a safetensors file begins. */
export function withHeader(header: string, rest: Uint8Array): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)))
  return Buffer.concat([length, Buffer.from(header), rest])
}

/** A WordPiece tokenizer as BERT has it, small letters only. */
export function wordPieceTokenizer(vocabulary: readonly string[]): string {
  const special = vocabulary.filter((token) => token.startsWith('['))
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({ id: vocabulary.indexOf(content), content, special: true })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] } }
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id]))
    }
  })
}

/** A Unigram tokenizer as XLM-RoBERTa has it: each token with its log probability, the first for what is unknown. */
export function unigramTokenizer(vocabulary: readonly (readonly [token: string, logProbability: number])[]): string {
  return JSON.stringify({
    added_tokens: [{ id: 0, content: vocabulary[0]?.[0], special: true }],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    model: { type: 'Unigram', unk_id: 0, vocab: vocabulary }
  })
}

/** Writes a folder as model2vec does. */
export function writeStaticModel(
  folder: string,
  files: { readonly tokenizer: string; readonly tensors: Uint8Array }
): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'tokenizer.json'), files.tokenizer)
  writeFileSync(join(folder, 'model.safetensors'), files.tensors)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'model2vec', normalize: true }))
}

/** A model that knows every word of small letters and digits, by its letters, and means nothing by them. */
export function spellingModel(folder: string, dimensions = 16): void {
  const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789']
  const vocabulary = ['[UNK]', '[CLS]', ...letters, ...letters.map((letter) => `##${letter}`)]
  const numbers = vocabulary.flatMap((_, row) =>
    Array.from({ length: dimensions }, (_, column) => Math.sin((row + 1) * (column + 1) * 12.9898))
  )
  writeStaticModel(folder, {
    tokenizer: wordPieceTokenizer(vocabulary),
    tensors: safetensors({ embeddings: { dtype: 'F32', shape: [vocabulary.length, dimensions], numbers } })
  })
}

function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0
}

/** For numbers that half precision has exactly, or nearly. */
function halfBits(value: number): number {
  const bits = floatBits(value)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15
  if (value === 0) return sign
  if (exponent <= 0) return sign | Math.trunc(Math.abs(value) * 2 ** 24)
  return sign | (exponent << 10) | ((bits >>> 13) & 0x3ff)
}
