import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { type HubOptions, hubFolder, isHubName } from './hub-folder.ts'
import type { Pooling, ThreadModel } from './local-protocol.ts'

export interface LocalModelOptions extends HubOptions {
  /**
   * A model's name on the hub, or a folder with `config.json`, `tokenizer.json`, `tokenizer_config.json` and
   * `onnx/model_quantized.onnx` or `onnx/model.onnx`. A folder is relative to the working directory; `~` is the user's
   * home. What is a folder is not looked for on the hub.
   */
  readonly model?: string
  /** `int8` is a quarter of the size and faster. Default: `int8`. */
  readonly precision?: 'int8' | 'float32'
  /** How many threads compute. Default: 1. */
  readonly threads?: number
}

/** A model of which all files are there. */
export interface LocalModel {
  /** Names its vectors: by its name on the hub, or by the content of its folder. */
  readonly id: string
  /** For people, and for what is known of models by their names. */
  readonly name: string
  readonly thread: ThreadModel
}

const smallFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const
const poolingFile = '1_Pooling/config.json'
const defaultCacheFolder = join(homedir(), '.cache', 'reprise', 'models')
const library = '@huggingface/transformers'

/**
 * Finds a model's files, and downloads them when there is no folder of that name.
 * @throws RepriseError `invalid-option`, and `provider-unreachable` when a model cannot be downloaded
 */
export async function localModel(
  task: ThreadModel['task'],
  defaultModel: string,
  { model = defaultModel, precision = 'int8', threads = 1, ...hub }: LocalModelOptions
): Promise<LocalModel> {
  if (!Object.hasOwn(filesOf, precision)) {
    throw new RepriseError('invalid-option', `precision: expected int8 or float32, got ${JSON.stringify(precision)}`)
  }
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new RepriseError('invalid-option', `threads: expected a whole number of at least 1, got ${threads}`)
  }
  const path = resolve(model.replace(/^~(?=$|[/\\])/, () => homedir()))
  const isOwn = await isFolder(path)
  if (!isOwn && !isHubName(model)) {
    const message = `model: expected a folder, or the name of a model such as ${defaultModel}, got ${JSON.stringify(model)}: there is no folder ${path}`
    throw new RepriseError('invalid-option', message)
  }
  const cacheFolder = hub.cacheFolder ?? defaultCacheFolder
  const { folder, file } = isOwn
    ? await look(path, precision)
    : await download(model, precision, { ...hub, cacheFolder })
  const pooling = task === 'pair' ? 'mean' : await poolingOf(folder)
  const name = isOwn ? basename(path) : model
  const id = `${isOwn ? await fingerprint(folder, file) : model}:${precision}`
  const isQuantized = precision === 'int8'
  return { id, name, thread: { library, task, folder, file, isQuantized, pooling, threads } }
}

/**
 * What a precision's file may be called: first what transformers.js looks for, then what sentence-transformers writes
 * for the processors at hand. The one for AVX2 runs on every x64.
 */
const filesOf = {
  int8: ['model_quantized', process.arch === 'arm64' ? 'model_qint8_arm64' : 'model_quint8_avx2'],
  float32: ['model']
} as const

type Precision = keyof typeof filesOf

interface Found {
  readonly folder: string
  readonly file: string
}

async function look(folder: string, precision: Precision): Promise<Found> {
  const file = await present(folder, precision)
  const missing: string[] = []
  for (const each of smallFiles) if (!(await isThere(join(folder, each)))) missing.push(each)
  if (file === undefined) missing.push(`onnx/${filesOf[precision][0]}.onnx`)
  if (file !== undefined && missing.length === 0) return { folder, file }
  const other = precision === 'int8' ? 'float32' : 'int8'
  const remedy =
    file === undefined && (await present(folder, other)) !== undefined
      ? `choose the precision ${other}, which is there`
      : 'export the model with optimum-cli, or copy it from the hub'
  throw new RepriseError(
    'invalid-option',
    `the model's folder ${folder} lacks ${missing.join(', ')} (precision ${precision}): ${remedy}`
  )
}

interface Hub extends HubOptions {
  readonly cacheFolder: string
}

async function download(name: string, precision: Precision, hub: Hub): Promise<Found> {
  const already = await present(join(hub.cacheFolder, name), precision)
  const candidates = already === undefined ? filesOf[precision] : [already]
  let refusal: unknown
  for (const file of candidates) {
    try {
      const folder = await hubFolder(name, [`onnx/${file}.onnx`, ...smallFiles], hub)
      await downloadMore(name, folder, file, hub)
      return { folder, file }
    } catch (error) {
      if (!isRefusal(error)) throw error
      refusal ??= error
    }
  }
  throw refusal
}

/** What only some models have: weights in files of their own, and how tokens are pooled. */
async function downloadMore(name: string, folder: string, file: string, hub: HubOptions): Promise<void> {
  const weights = await externalWeights(folder, file)
  if (weights.length > 0) await hubFolder(name, weights, hub)
  try {
    await hubFolder(name, [poolingFile], hub)
  } catch (error) {
    if (!isRefusal(error)) throw error
    // Remembered, so that nobody asks again: the model must open without a network too.
    await mkdir(dirname(join(folder, poolingFile)), { recursive: true })
    await writeFile(join(folder, poolingFile), '{}')
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof RepriseError && error.code === 'invalid-option'
}

/** The files beside the model's that its `config.json` speaks of. */
async function externalWeights(folder: string, file: string): Promise<readonly string[]> {
  const config = await readJson(join(folder, 'config.json'))
  const own = isObject(config['transformers.js_config']) ? config['transformers.js_config'] : {}
  const format = own['use_external_data_format']
  const count = Number((isObject(format) ? (format[`${file}.onnx`] ?? format[file]) : format) ?? 0)
  return Array.from({ length: count }, (_, index) => `onnx/${file}.onnx_data${index === 0 ? '' : `_${index}`}`)
}

async function poolingOf(folder: string): Promise<Pooling> {
  const path = join(folder, poolingFile)
  if (!(await isThere(path))) return 'mean'
  const modes = Object.entries(await readJson(path))
    .filter(([key, value]) => key.startsWith('pooling_mode_') && value === true)
    .map(([key]) => key.slice('pooling_mode_'.length))
  if (modes.length === 0 || modes.join() === 'mean_tokens') return 'mean'
  if (modes.join() === 'cls_token') return 'cls'
  throw new RepriseError(
    'invalid-option',
    `${path}: expected pooling by mean_tokens or cls_token, got ${modes.join(' and ')}; choose another model`
  )
}

/** By all that changes a vector: what is in a folder may change while its name does not. */
async function fingerprint(folder: string, file: string): Promise<string> {
  const hash = createHash('sha256')
  const weights = await externalWeights(folder, file)
  for (const name of [`onnx/${file}.onnx`, ...weights, ...smallFiles, poolingFile]) {
    hash.update(`${name}\n`)
    if (!(await isThere(join(folder, name)))) continue
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 1024 ** 2 })) hash.update(chunk)
  }
  return hash.digest('hex').slice(0, 16)
}

async function present(folder: string, precision: Precision): Promise<string | undefined> {
  for (const file of filesOf[precision]) if (await isThere(join(folder, 'onnx', `${file}.onnx`))) return file
  return undefined
}

async function readJson(path: string): Promise<JsonObject> {
  try {
    const json = JSON.parse(await readFile(path, 'utf8')) as Json
    if (isObject(json)) return json
    throw new Error('not an object')
  } catch (error) {
    throw new RepriseError(
      'invalid-option',
      `${path}: expected a JSON object (${messageOf(error)}); copy the model anew`,
      {
        cause: error
      }
    )
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false
  )
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false
  )
}
