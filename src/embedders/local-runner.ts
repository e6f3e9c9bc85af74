import { RepriseError } from '../core/errors.ts'
import { abortedError, throwIfAborted } from './abort.ts'
import type { Item, Reply, ThreadModel } from './local-protocol.ts'
import { LocalThread } from './local-thread.ts'

interface Request {
  readonly items: readonly Item[]
  readonly rows: Float32Array[]
  /** How many of its items have been sent. */
  sent: number
  isSettled: boolean
  settle(outcome: Error | undefined): void
}

/** Which item of which request a row is for. */
interface Place {
  readonly request: Request
  readonly index: number
}

/** The most texts in one question. */
const maxItems = 32
/** The most characters in one question, each text counted as if it were as long as the longest: that is what it costs. */
const maxPaddedCharacters = 16_384
/** No language has more characters a token than that, for long. */
const charactersPerToken = 16
/** How often a thread may end without having answered, before it gets a rest. */
const deathsInARow = 3
const restMs = 30_000

/**
 * Runs a local model in a thread of its own, so that this one never waits. Requests queue up and share what is run at
 * once. A thread that ends by itself takes with it what it was asked, and the next request starts another one; after
 * three that have answered nothing, not before half a minute has passed. The process ends when nobody waits for an answer.
 */
export class LocalRunner {
  readonly #model: ThreadModel
  #thread: LocalThread | undefined
  #isReady = false
  #window = 0
  readonly #queue: Request[] = []
  /** What the thread is at. */
  #running: readonly Place[] = []
  #deaths = 0
  #diedAtMs = 0
  #lastDeath: Error | undefined
  #closing: Promise<void> | undefined

  constructor(model: ThreadModel) {
    this.#model = model
  }

  /** The longest text of which all may be seen, in UTF-16 units; known once the thread has answered. */
  get maxCharacters(): number {
    return this.#window * charactersPerToken
  }

  /** The model's numbers for each item. Rejects when the signal aborts: what has not begun is not run any more. */
  async ask(items: readonly Item[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    throwIfAborted(signal)
    if (this.#closing !== undefined) throw closedError()
    if (items.length === 0) return []
    if (this.#thread === undefined) this.#start()
    return await new Promise((resolve, reject) => {
      const request: Request = {
        items,
        rows: [],
        sent: 0,
        isSettled: false,
        settle: (outcome) => {
          request.isSettled = true
          signal?.removeEventListener('abort', leave)
          if (outcome === undefined) resolve(request.rows)
          else reject(outcome)
        }
      }
      const leave = (): void => {
        request.settle(abortedError(signal?.reason))
        const place = this.#queue.indexOf(request)
        if (place >= 0) this.#queue.splice(place, 1)
        this.#holdProcess()
      }
      signal?.addEventListener('abort', leave)
      this.#queue.push(request)
      this.#next()
    })
  }

  /** Ends the thread. What it has not answered rejects. */
  async close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    const thread = this.#thread
    this.#forget(closedError())
    await thread?.end()
  }

  #start(): void {
    if (this.#deaths >= deathsInARow && performance.now() - this.#diedAtMs < restMs) {
      throw new RepriseError(
        'embedder-unavailable',
        `the local model has failed ${this.#deaths} times in a row and rests for ${restMs / 1000} s: ${this.#lastDeath?.message}`,
        { cause: this.#lastDeath }
      )
    }
    const thread = new LocalThread(this.#model, {
      heard: (reply) => {
        if (this.#thread === thread) this.#hear(reply)
      },
      ended: (cause) => {
        if (this.#thread === thread) this.#die(this.#endedError(cause))
      }
    })
    this.#thread = thread
  }

  #hear(reply: Reply): void {
    if (reply.type === 'ready') {
      this.#isReady = true
      this.#window = reply.window
    } else if (reply.type === 'rows') {
      this.#deaths = 0
      for (const [row, { request, index }] of this.#running.entries()) {
        // A copy: as part of the whole it would hold on to its neighbours.
        request.rows[index] = reply.rows.slice(row * reply.width, (row + 1) * reply.width)
        if (index === request.items.length - 1 && !request.isSettled) request.settle(undefined)
      }
      this.#running = []
    } else if (this.#isReady) {
      const error = new RepriseError(
        'embedder-unavailable',
        `the local model in ${this.#model.folder} failed: ${reply.message}`
      )
      const failed = new Set(this.#running.map(({ request }) => request))
      this.#running = []
      for (const request of failed) this.#drop(request, error)
    } else {
      this.#die(this.#loadError(reply.message, reply.isMissing))
    }
    this.#next()
  }

  /** Sends what is next when the thread has time for it. */
  #next(): void {
    if (this.#isReady && this.#running.length === 0 && this.#queue.length > 0) {
      const places = this.#takeBatch()
      this.#running = places
      const items = places.map(({ request, index }) =>
        (request.items[index] ?? []).map((text) => cut(text, this.maxCharacters))
      )
      this.#thread?.ask({ items })
    }
    this.#holdProcess()
  }

  #takeBatch(): readonly Place[] {
    const places: Place[] = []
    let longest = 0
    for (;;) {
      const [request] = this.#queue
      const item = request?.items[request.sent]
      if (request === undefined || item === undefined || places.length >= maxItems) return places
      longest = Math.max(longest, Math.min(lengthOf(item), this.maxCharacters))
      if (places.length > 0 && longest * (places.length + 1) > maxPaddedCharacters) return places
      places.push({ request, index: request.sent })
      request.sent++
      if (request.sent === request.items.length) this.#queue.shift()
    }
  }

  #drop(request: Request, error: Error): void {
    const place = this.#queue.indexOf(request)
    if (place >= 0) this.#queue.splice(place, 1)
    if (!request.isSettled) request.settle(error)
  }

  #die(error: Error): void {
    this.#deaths++
    this.#diedAtMs = performance.now()
    this.#lastDeath = error
    this.#forget(error)
  }

  /** All that was asked rejects, and there is no thread any more. */
  #forget(error: Error): void {
    const asked = new Set([...this.#running.map(({ request }) => request), ...this.#queue.splice(0)])
    this.#running = []
    this.#isReady = false
    this.#thread = undefined
    for (const request of asked) if (!request.isSettled) request.settle(error)
  }

  /** A process does not end while somebody waits for an answer, and is not kept from it otherwise. */
  #holdProcess(): void {
    this.#thread?.holdProcess(this.#running.some(({ request }) => !request.isSettled) || this.#queue.length > 0)
  }

  #endedError(cause: Error): RepriseError {
    const message = `the thread of the local model in ${this.#model.folder} ended: ${cause.message}; the next call starts another one`
    return new RepriseError('embedder-unavailable', message, { cause })
  }

  #loadError(message: string, isMissing: boolean): RepriseError {
    const { library, folder, file } = this.#model
    if (isMissing) {
      return new RepriseError(
        'missing-dependency',
        `local models need the package ${library}, which cannot be loaded here (${message}): npm install ${library}`
      )
    }
    return new RepriseError(
      'invalid-option',
      `the model in ${folder} (onnx/${file}.onnx) cannot be loaded: ${message}; expected a sentence-transformers model in ONNX form`
    )
  }
}

function closedError(): RepriseError {
  return new RepriseError('embedder-closed', 'the local model was used after it was closed')
}

function lengthOf(item: Item): number {
  return item.reduce((sum, text) => sum + text.length, 0)
}

/** The text's beginning, no character cut in two. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  const isInside = (text.charCodeAt(length - 1) & 0xfc00) === 0xd800
  return text.slice(0, isInside ? length - 1 : length)
}
