import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../core/errors.ts'
import { NativeTurn } from './local-native-turn.ts'
import type { Farewell, Item, Question, Reply, ThreadData, ThreadModel } from './local-protocol.ts'
import { padded, pool } from './local-rows.ts'

/** The thread of a local model: loads it, and answers one question after the other. */
if (parentPort !== null) await main(parentPort, workerData as ThreadData)

type Library = typeof import('@huggingface/transformers')
type Tokenizer = Awaited<ReturnType<Library['AutoTokenizer']['from_pretrained']>>
type Model = Awaited<ReturnType<Library['AutoModel']['from_pretrained']>>

interface Loaded {
  readonly library: Library
  readonly turn: NativeTurn
  readonly tokenizer: Tokenizer
  readonly model: Model
  /** How many tokens the model sees. */
  readonly window: number
}

interface Rows {
  readonly rows: Float32Array
  readonly width: number
}

type Output = Readonly<Record<string, { readonly data: unknown; readonly dims: readonly number[] } | undefined>>

interface Tokens {
  readonly ids: readonly number[]
  /** Which of two texts a token belongs to, for models that want to know. */
  readonly types?: readonly number[]
}

async function main(port: MessagePort, { model, memory }: ThreadData): Promise<void> {
  const turn = new NativeTurn(memory)
  let loaded: Loaded | undefined

  function reply(message: Reply): void {
    port.postMessage(message, message.type === 'rows' ? [message.rows.buffer as ArrayBuffer] : [])
  }

  port.on('message', async (message: Question | Farewell) => {
    if (message === 'close') return process.exit()
    if (loaded === undefined) return
    try {
      reply({ type: 'rows', ...(await answer(loaded, model, message.items)) })
    } catch (error) {
      reply({ type: 'failed', message: messageOf(error), isMissing: false })
    }
  })
  let library: Library
  try {
    library = await turn.run(async () => (await import(model.library)) as Library)
  } catch (error) {
    reply({ type: 'failed', message: messageOf(error), isMissing: true })
    return port.close()
  }
  try {
    loaded = await turn.run(() => load(library, turn, model))
    reply({ type: 'ready', window: loaded.window })
  } catch (error) {
    reply({ type: 'failed', message: messageOf(error), isMissing: false })
    port.close()
  }
}

async function load(library: Library, turn: NativeTurn, { task, folder, file, threads }: ThreadModel): Promise<Loaded> {
  const { env, AutoTokenizer, AutoModel, AutoModelForSequenceClassification } = library
  env.allowRemoteModels = false
  env.useFSCache = false
  // It would print a failing question's input; what fails is reported to whoever asked.
  env.logLevel = 50
  const tokenizer = await AutoTokenizer.from_pretrained(folder)
  const from = task === 'pair' ? AutoModelForSequenceClassification : AutoModel
  const model = await from.from_pretrained(folder, {
    // The file's whole name: a precision would have its own appended.
    model_file_name: file,
    dtype: 'fp32',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 }
  })
  return { library, turn, tokenizer, model, window: windowOf(tokenizer, model) }
}

/** What BERT's kind sees, when a model does not say. */
const commonWindow = 512

function windowOf(tokenizer: Tokenizer, model: Model): number {
  const { max_position_embeddings: positions, model_type: kind } = model.config as {
    readonly max_position_embeddings?: number
    readonly model_type?: string
  }
  // RoBERTa's kind counts positions from the number of the padding on.
  const first = /roberta|mpnet/.test(kind ?? '') ? (tokenizer.pad_token_id ?? 1) + 1 : 0
  const window = Math.min(tokenizer.model_max_length, (positions ?? Number.POSITIVE_INFINITY) - first)
  return Number.isSafeInteger(window) && window > 0 ? window : commonWindow
}

async function answer(loaded: Loaded, options: ThreadModel, items: readonly Item[]): Promise<Rows> {
  const tokens = items.map((item) => tokensOf(loaded, item))
  const readable = tokens.filter((each) => each !== undefined)
  if (readable.length === 0) return scattered(tokens, [])
  if (!options.isQuantized) return scattered(tokens, [await run(loaded, options, readable)])
  const each: Rows[] = []
  for (const one of readable) each.push(await run(loaded, options, [one]))
  return scattered(tokens, each)
}

/** Undefined for what the model cannot read to its end, or not without gaps: nothing can be said of it. */
function tokensOf({ tokenizer, window }: Loaded, [text = '', other]: Item): Tokens | undefined {
  const { input_ids: ids, token_type_ids: types } = tokenizer(text, {
    ...(other === undefined ? {} : { text_pair: other }),
    return_tensor: false
  })
  if (ids.length > window || ids.includes(tokenizer.unk_token_id)) return undefined
  return types === undefined ? { ids } : { ids, types }
}

async function run(
  { library, turn, tokenizer, model }: Loaded,
  options: ThreadModel,
  batch: readonly Tokens[]
): Promise<Rows> {
  const lengths = batch.map(({ ids }) => ids.length)
  const dims = [batch.length, Math.max(...lengths)]
  const block = (rows: readonly (readonly number[])[], filler = 0) =>
    new library.Tensor('int64', padded(rows, filler), dims)
  const types = batch.map((each) => each.types).filter((each) => each !== undefined)
  const inputs = {
    input_ids: block(
      batch.map(({ ids }) => ids),
      tokenizer.pad_token_id ?? 0
    ),
    attention_mask: block(lengths.map((length) => new Array<number>(length).fill(1))),
    ...(types.length === batch.length ? { token_type_ids: block(types) } : {})
  }
  const output = (await turn.run(() => model(inputs))) as Output
  const names = options.task === 'pair' ? ['logits'] : ['last_hidden_state', 'token_embeddings', 'logits']
  const found = names.map((name) => output[name]).find((tensor) => tensor !== undefined)
  const expected = options.task === 'pair' ? 2 : 3
  if (!(found?.data instanceof Float32Array) || found.dims.length !== expected) {
    const got = Object.entries(output).map(([name, tensor]) => `${name} [${tensor?.dims ?? 'nothing'}]`)
    throw new Error(`expected ${names.join(' or ')} of ${expected} dimensions and type float32, got ${got.join(', ')}`)
  }
  const { data, dims: shape } = found
  const rows = options.task === 'pair' ? new Float32Array(data) : pool({ data, dims: shape }, lengths, options.pooling)
  return { rows, width: shape.at(-1) ?? 0 }
}

/** The rows at their texts' places, NaN at those of texts that could not be read. */
function scattered(tokens: readonly (Tokens | undefined)[], each: readonly Rows[]): Rows {
  const width = each[0]?.width ?? 1
  const rows = new Float32Array(tokens.length * width).fill(Number.NaN)
  const read = each.flatMap(({ rows: some }) =>
    Array.from({ length: some.length / width }, (_, index) => some.subarray(index * width, (index + 1) * width))
  )
  let next = 0
  for (const [index, one] of tokens.entries()) {
    const row = one === undefined ? undefined : read[next++]
    if (row !== undefined) rows.set(row, index * width)
  }
  return { rows, width }
}
