import { type Dispatcher, Pool } from 'undici'
import { messageOf, ProviderError, RepriseError } from '../core/errors.ts'
import { abortedError, throwIfAborted } from './abort.ts'
import type { Embedder, EmbedOptions } from './embedder.ts'
import { embeddingsFrom } from './embeddings-answer.ts'
import { checkMinSimilarity, type KnownSimilarities, minSimilarityFor } from './min-similarity.ts'
import { patienceOf, pause } from './patience.ts'
import { noVector } from './unit-vector.ts'

/** What every embedder over HTTP can be told. */
export interface HttpEmbedderOptions {
  /** As the endpoint calls it. */
  readonly model: string
  /** The base URL, `/v1` and all. Default: the provider's own. */
  readonly url?: string
  /** Asks for shorter vectors, where the model can give them. Default: the model's own length. */
  readonly dimensions?: number
  /** The most texts in one request. Default: 256. */
  readonly batchSize?: number
  /**
   * Texts above this many bytes are not sent, and get an empty vector. Default: 8,000, which is within the 8,192 tokens
   * that OpenAI takes, whatever the text: a token takes at least a byte.
   */
  readonly maxTextBytes?: number
  /** How long one request may take, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number
  /** How often a request is made again that failed for the moment. Default: 2. */
  readonly maxRetries?: number
  /** Headers to send with each request: `api-key`, for an endpoint that wants it so. */
  readonly headers?: Readonly<Record<string, string>>
  /** How similar two texts must be, at least, to mean the same. Default: by the model's name. */
  readonly minSimilarity?: number
}

/** What is particular to a provider. */
export interface EmbeddingEndpoint {
  /** The embedder's name; it is in errors too. */
  readonly name: string
  readonly defaultUrl: string
  readonly apiKey: string | undefined
  /** The most texts in one request. */
  readonly mostTexts: number
  /** The most bytes of text in one request. A token takes at least a byte, so that this bounds tokens too. */
  readonly mostBytes: number
  readonly known: KnownSimilarities
  /** The request's body, but for model and texts. */
  readonly fields: Readonly<Record<string, unknown>>
  /** What else makes vectors differ, for the model's name. */
  readonly asked: readonly (string | number | undefined)[]
}

/** More than any batch of vectors has, written out as numbers. */
const mostAnswerBytes = 256 * 1024 ** 2

/**
 * Embeds at an endpoint that speaks the wire of OpenAI's embeddings. Texts are sent in batches, one after the other; each
 * request is made again that failed for the moment: without an answer, or with 408, 409, 429 or 5xx. Errors never name
 * the key.
 * @throws RepriseError `invalid-option`; `embed` rejects with `ProviderError`, or RepriseError `provider-unreachable`,
 * `provider-timeout`, `provider-malformed`, `aborted`
 */
export function httpEmbedder(options: HttpEmbedderOptions, endpoint: EmbeddingEndpoint): Embedder {
  const { name, defaultUrl, apiKey, mostTexts, mostBytes, known, fields, asked } = endpoint
  const { model, url = defaultUrl, batchSize = 256, maxTextBytes = 8000, timeoutMs = 10_000, maxRetries = 2 } = options
  const minSimilarity = checkMinSimilarity(options.minSimilarity ?? minSimilarityFor(model, known))
  const { origin, pathname, search } = checkedUrl(name, url)
  const basePath = pathname.replace(/\/+$/, '')
  const path = `${basePath}/embeddings${search}`
  checkName(name, model)
  checkKey(name, apiKey)
  checkCount('dimensions', options.dimensions ?? 1, 1)
  checkCount('batchSize', batchSize, 1, mostTexts)
  checkCount('maxTextBytes', maxTextBytes, 1, mostBytes)
  checkCount('timeoutMs', timeoutMs, 1)
  checkCount('maxRetries', maxRetries, 0)
  const limits = { mostTexts: batchSize, mostBytes, mostTextBytes: maxTextBytes }
  const pool = new Pool(origin, {
    connections: 64,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: mostAnswerBytes
  })
  const headers = {
    ...options.headers,
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    'content-type': 'application/json',
    'accept-encoding': 'identity'
  }
  /** As long as the first vector that came, when nobody has said. */
  let dimensions = options.dimensions

  async function embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    throwIfAborted(signal)
    const vectors: Float32Array[] = texts.map(() => noVector)
    for (const batch of batchesOf(texts, limits)) {
      const input = batch.map((index) => texts[index] ?? '')
      const found = await askPatiently(JSON.stringify({ model, ...fields, input }), input.length, signal)
      for (const [place, index] of batch.entries()) vectors[index] = found[place] ?? noVector
    }
    return vectors
  }

  async function askPatiently(
    body: string,
    count: number,
    signal: AbortSignal | undefined
  ): Promise<readonly Float32Array[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await ask(body, signal)
        const vectors = embeddingsFrom(answer, { name, count, dimensions })
        dimensions ??= vectors.find(({ length }) => length > 0)?.length
        return vectors
      } catch (error) {
        const waitMs = attempt < maxRetries ? patienceOf(error, attempt) : undefined
        if (waitMs === undefined) throw error
        await pause(waitMs, signal)
      }
    }
  }

  async function ask(body: string, signal: AbortSignal | undefined): Promise<string> {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), timeoutMs)
    const leave = (): void => deadline.abort()
    signal?.addEventListener('abort', leave)
    try {
      throwIfAborted(signal)
      const response = await pool.request({ path, method: 'POST', headers, body, signal: deadline.signal })
      const bytes = await response.body.bytes()
      if (response.statusCode >= 200 && response.statusCode <= 299) return Buffer.from(bytes).toString()
      throw refusal(response, bytes)
    } catch (error) {
      if (error instanceof ProviderError) throw error
      if (signal?.aborted) throw abortedError(error)
      throw connectionError(error, deadline.signal.aborted)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
    }
  }

  function refusal({ statusCode, headers: all }: Dispatcher.ResponseData, bytes: Uint8Array): ProviderError {
    const kept = Object.entries(all).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined)
    // Some say in the body which key they do not know.
    const text = apiKey ? Buffer.from(bytes).toString().replaceAll(apiKey, '[key]') : undefined
    return new ProviderError(name, statusCode, Object.fromEntries(kept), text === undefined ? bytes : Buffer.from(text))
  }

  function connectionError(error: unknown, isLate: boolean): RepriseError {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (isLate || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      const message = `${name} at ${origin} did not answer within ${timeoutMs} ms`
      return new RepriseError('provider-timeout', message, { cause: error })
    }
    const reason = messageOf(error) || code
    const message = `${name} at ${origin} could not be reached: ${reason}`
    return new RepriseError('provider-unreachable', message, { cause: error })
  }

  // Two endpoints may call different models by the same name.
  const where = origin + basePath === defaultUrl ? '' : `@${origin}${basePath}`
  const fullName = [model, ...asked.filter((value) => value !== undefined)].join('#')
  return {
    name,
    model: `${name}:${fullName}${where}`,
    minSimilarity,
    isCheap: false,
    embed,
    close: () => pool.destroy()
  }
}

interface Limits {
  readonly mostTexts: number
  readonly mostBytes: number
  readonly mostTextBytes: number
}

/** The places of the texts that can be compared, in requests as large as they may be. */
function batchesOf(texts: readonly string[], limits: Limits): readonly (readonly number[])[] {
  const { mostTexts, mostBytes, mostTextBytes } = limits
  const batches: number[][] = []
  let room = 0
  for (const [index, text] of texts.entries()) {
    // A text without a word is refused by some, and has nothing to be compared with by all.
    if (text.length > mostTextBytes || text.trim() === '') continue
    const bytes = Buffer.byteLength(text)
    if (bytes > mostTextBytes) continue
    const last = batches.at(-1)
    if (last === undefined || last.length >= mostTexts || bytes > room) {
      batches.push([index])
      room = mostBytes - bytes
    } else {
      last.push(index)
      room -= bytes
    }
  }
  return batches
}

function checkedUrl(name: string, url: string): URL {
  if (URL.canParse(url) && /^https?:/i.test(url)) return new URL(url)
  // Not what was given: somebody may have put a key into it.
  const message = `${name}: expected an http or https URL such as https://api.example.com/v1, got something else`
  throw new RepriseError('invalid-option', message)
}

function checkName(name: string, model: string): void {
  if (model !== '') return
  throw new RepriseError('invalid-option', `${name}: expected the name of an embedding model, got none`)
}

function checkKey(name: string, apiKey: string | undefined): void {
  // The HTTP client's own error for such a header would have all of it.
  if (apiKey === undefined || /^[\x21-\x7e]+$/.test(apiKey)) return
  throw new RepriseError(
    'invalid-option',
    `${name}: expected an API key of visible ASCII characters, got something else`
  )
}

function checkCount(option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  throw new RepriseError('invalid-option', `${option}: expected a whole number ${range}, got ${value}`)
}
