import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type OnnxNode, type OnnxTensor, type OnnxValue, onnxModel } from './tiny-onnx.ts'

/** The words that a tiny model knows, after the four that BERT needs; what it does not know is `[UNK]`. */
const words = [
  ...[
    'how',
    'old',
    'is',
    'the',
    'earth',
    'moon',
    'when',
    'why',
    'do',
    'i',
    'reset',
    'my',
    'password',
    'what',
    'capital'
  ],
  ...['of', 'france', 'where', 'can', 'see', 'last', 'invoice', 'there', 'a', 'discount', 'for', 'students', 'long'],
  ...['does', 'delivery', 'take', 'are', 'you']
]
const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words]

/** A token's number. */
function tokenNumber(token: string): number {
  const number = vocabulary.indexOf(token)
  return number < 0 ? vocabulary.indexOf('[UNK]') : number
}

const numbersAToken = 16

/** A token's vector in a tiny embedding model. Different models have different `seeds`. */
export function tokenVector(token: string, seed = 1): readonly number[] {
  const number = tokenNumber(token)
  return Array.from({ length: numbersAToken }, (_, index) => Math.fround(Math.sin((number + 1) * (index + 2) * seed)))
}

const batch = ['batch', 'sequence'] as const
const ids: OnnxValue = { name: 'input_ids', type: 'int64', dims: batch }
const mask: OnnxValue = { name: 'attention_mask', type: 'int64', dims: batch }
const types: OnnxValue = { name: 'token_type_ids', type: 'int64', dims: batch }

/** What a model needs beside its weights. It sees 16 tokens. */
export function tinyTokenizer(): Readonly<Record<string, string>> {
  const special = (content: string) => ({
    id: tokenNumber(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true
  })
  const piece = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } })
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } })
  const one = [piece('[CLS]', 0), sequence('A', 0), piece('[SEP]', 0)]
  return {
    'config.json': JSON.stringify({ model_type: 'bert', max_position_embeddings: 16, hidden_size: numbersAToken }),
    'tokenizer_config.json': JSON.stringify({
      tokenizer_class: 'BertTokenizer',
      model_max_length: 16,
      do_lower_case: true,
      pad_token: '[PAD]',
      unk_token: '[UNK]',
      cls_token: '[CLS]',
      sep_token: '[SEP]'
    }),
    'tokenizer.json': JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: vocabulary.slice(0, 4).map(special),
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
        single: one,
        pair: [...one, sequence('B', 1), piece('[SEP]', 1)],
        special_tokens: Object.fromEntries(
          ['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [tokenNumber(id)], tokens: [id] }])
        )
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(vocabulary.map((token, number) => [token, number]))
      }
    })
  }
}

/** A model whose tokens have the vectors of `tokenVector`. */
export function embeddingOnnx(seed = 1): Buffer {
  return onnxModel({
    inputs: [ids, mask, types],
    outputs: [{ name: 'last_hidden_state', type: 'float32', dims: [...batch, numbersAToken] }],
    nodes: [{ type: 'Gather', inputs: ['table', 'input_ids'], outputs: ['last_hidden_state'] }],
    weights: [table(vocabulary.flatMap((token) => tokenVector(token, seed)))]
  })
}

/** A model like `embeddingOnnx`, that multiplies large matrices `rounds` times before it answers: some ms each. */
export function slowEmbeddingOnnx(rounds: number): Buffer {
  const width = 512
  const multiply = Array.from(
    { length: rounds },
    (_, round): OnnxNode => ({ type: 'MatMul', inputs: [`work${round}`, 'identity'], outputs: [`work${round + 1}`] })
  )
  const identity = Float32Array.from({ length: width * width }, (_, index) => (index % (width + 1) === 0 ? 1 : 0))
  const wide = vocabulary.flatMap((token) => [
    ...tokenVector(token),
    ...new Array<number>(width - numbersAToken).fill(0)
  ])
  return onnxModel({
    inputs: [ids, mask],
    outputs: [{ name: 'last_hidden_state', type: 'float32', dims: [...batch, width] }],
    nodes: [
      { type: 'Gather', inputs: ['table', 'input_ids'], outputs: ['work0'] },
      ...multiply,
      { type: 'Identity', inputs: [`work${rounds}`], outputs: ['last_hidden_state'] }
    ],
    weights: [
      { name: 'table', dims: [vocabulary.length, width], data: Float32Array.from(wide) },
      { name: 'identity', dims: [width, width], data: identity }
    ]
  })
}

/** A model of pairs: each of its `logits` is the sum of what the pair's tokens weigh for it. */
export function pairOnnx(weigh: (token: string) => readonly number[]): Buffer {
  const width = weigh('[CLS]').length
  return onnxModel({
    inputs: [ids, mask, types],
    outputs: [{ name: 'logits', type: 'float32', dims: ['batch', width] }],
    nodes: [
      { type: 'Gather', inputs: ['table', 'input_ids'], outputs: ['weights'] },
      { type: 'Cast', inputs: ['attention_mask'], outputs: ['seen'], attributes: { to: 1 } },
      { type: 'Unsqueeze', inputs: ['seen', 'last'], outputs: ['seenOnce'] },
      { type: 'Mul', inputs: ['weights', 'seenOnce'], outputs: ['counted'] },
      { type: 'ReduceSum', inputs: ['counted', 'tokens'], outputs: ['logits'], attributes: { keepdims: 0 } }
    ],
    weights: [
      table(vocabulary.flatMap(weigh)),
      { name: 'last', dims: [1], data: BigInt64Array.of(2n) },
      { name: 'tokens', dims: [1], data: BigInt64Array.of(1n) }
    ]
  })
}

function table(rows: readonly number[]): OnnxTensor {
  return {
    name: 'table',
    dims: [vocabulary.length, rows.length / vocabulary.length],
    data: Float32Array.from(rows)
  }
}

/** The files of an embedding model: its int8 and its float32 form differ in their vectors, so that a test can tell. */
export function embeddingFiles(): Readonly<Record<string, string | Buffer>> {
  return {
    ...tinyTokenizer(),
    'onnx/model_quantized.onnx': embeddingOnnx(quantizedSeed),
    'onnx/model.onnx': embeddingOnnx(floatSeed)
  }
}

export const quantizedSeed = 2
export const floatSeed = 1

/** Writes a model's files into a folder. */
export function writeModel(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}
