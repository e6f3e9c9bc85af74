import { createHash } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import type { DialectName, EndpointName } from './endpoint.ts'

/** One request of a batch. */
export interface BatchLine {
  /** The batch's id. */
  readonly batch: string
  readonly customId: string
  readonly endpoint: EndpointName
  readonly body: JsonObject
}

export interface BatchOptions {
  /** How long a batch takes, in milliseconds; Infinity: until `endBatches()`. Default: 0, it has ended when somebody looks. */
  readonly tookMs?: number
  /** What becomes of a request. Default: `answer`. What cannot be answered is an error all the same. */
  readonly fate?: (line: BatchLine) => 'answer' | 'error' | 'expire'
  /** Waited for when a batch has been made, before that is answered: for tests of who does not hear of it. Default: nothing. */
  readonly made?: () => Promise<unknown> | undefined
}

/** What became of a request. */
export type BatchOutcome =
  | { readonly line: BatchLine; readonly type: 'answered'; readonly status: number; readonly body: JsonObject }
  | { readonly line: BatchLine; readonly type: 'expired' | 'canceled' }

/** Answers one request of a batch as its endpoint would. */
export type AnswerLine = (line: BatchLine) => Promise<{ readonly status: number; readonly body: JsonObject }>

/** A batch as it stands. */
export interface Batch {
  readonly id: string
  readonly dialect: DialectName
  readonly createdMs: number
  readonly lines: readonly BatchLine[]
  /** What its creator has said of it. */
  readonly about: JsonObject
  /** Why it cannot be worked on, by line from 1. */
  readonly errors: readonly BatchError[]
  endedMs?: number
  cancelledMs?: number
  outcomes?: readonly BatchOutcome[]
}

export interface BatchError {
  readonly code: string
  readonly line: number
  readonly message: string
}

/** The batches of a simulated provider: made, worked on when their time has come, and ended. */
export class Batches {
  /** Every request of a batch that was answered: what a caller pays for. Oldest first. */
  readonly answered: BatchLine[] = []
  readonly #all = new Map<string, Batch>()
  readonly #options: BatchOptions
  readonly #answer: AnswerLine
  readonly #working = new Map<string, Promise<void>>()
  #over = false

  constructor(options: BatchOptions, answer: AnswerLine) {
    this.#options = options
    this.#answer = answer
  }

  /** Makes a batch; resolves when its creator is to hear of it. */
  async make(given: Pick<Batch, 'id' | 'dialect' | 'lines' | 'about' | 'errors'>): Promise<Batch> {
    const batch: Batch = { ...given, createdMs: Date.now() }
    this.#all.set(batch.id, batch)
    await this.#options.made?.()
    return batch
  }

  /** A batch as it stands now; undefined when there is none of that id. */
  async find(id: string, dialect: DialectName): Promise<Batch | undefined> {
    const batch = this.#all.get(id)
    if (batch?.dialect !== dialect) return undefined
    await this.#settle(batch)
    return batch
  }

  /** Newest first. */
  async list(dialect: DialectName): Promise<readonly Batch[]> {
    const all = [...this.#all.values()].filter((batch) => batch.dialect === dialect).reverse()
    await Promise.all(all.map((batch) => this.#settle(batch)))
    return all
  }

  cancel(batch: Batch): void {
    if (batch.outcomes === undefined) batch.cancelledMs ??= Date.now()
  }

  /** Lets all batches end, those to come as well. */
  end(): void {
    this.#over = true
  }

  async #settle(batch: Batch): Promise<void> {
    const isDue =
      this.#over || batch.cancelledMs !== undefined || Date.now() - batch.createdMs >= (this.#options.tookMs ?? 0)
    if (!isDue || batch.outcomes !== undefined || batch.errors.length > 0) return
    const working = this.#working.get(batch.id) ?? this.#work(batch)
    this.#working.set(batch.id, working)
    await working
  }

  async #work(batch: Batch): Promise<void> {
    const outcomes: BatchOutcome[] = []
    for (const line of batch.lines) outcomes.push(await this.#outcomeOf(batch, line))
    // In an order of their own: only the ids say which is whose.
    batch.outcomes = outcomes.sort((one, other) => orderOf(one) - orderOf(other))
    batch.endedMs = Date.now()
  }

  async #outcomeOf(batch: Batch, line: BatchLine): Promise<BatchOutcome> {
    if (batch.cancelledMs !== undefined) return { line, type: 'canceled' }
    const fate = this.#options.fate?.(line) ?? 'answer'
    if (fate === 'expire') return { line, type: 'expired' }
    const excuse = { message: 'The server had an error while processing your request.' }
    if (fate === 'error') return { line, type: 'answered', status: 500, body: errorOf(batch.dialect, excuse) }
    const { status, body } = await this.#answer(line)
    if (status === 200) this.answered.push(line)
    return { line, type: 'answered', status, body }
  }
}

function errorOf(dialect: DialectName, { message }: { readonly message: string }): JsonObject {
  if (dialect === 'anthropic') return { type: 'error', error: { type: 'api_error', message }, request_id: null }
  return { error: { message, type: 'server_error', param: null, code: null } }
}

function orderOf({ line }: BatchOutcome): number {
  return createHash('sha256').update(`${line.batch} ${line.customId}`).digest().readUInt32BE()
}

/** A list cut as lists of the API are: so many, after or before one. */
export function pageOf<Item extends { readonly id: string }>(
  all: readonly Item[],
  { after, before, limit }: { readonly after: string | null; readonly before?: string | null; readonly limit: number }
): { readonly items: readonly Item[]; readonly hasMore: boolean } {
  if (before != null) {
    const rest = all.slice(
      0,
      Math.max(
        0,
        all.findIndex(({ id }) => id === before)
      )
    )
    return { items: rest.slice(-limit), hasMore: rest.length > limit }
  }
  const rest = after === null ? all : all.slice(all.findIndex(({ id }) => id === after) + 1)
  return { items: rest.slice(0, limit), hasMore: rest.length > limit }
}

/** `limit` as a caller has given it, between 1 and the most. */
export function limitOf(url: URL, most: number): number {
  const limit = Number(url.searchParams.get('limit') ?? 20)
  return Number.isInteger(limit) ? Math.min(Math.max(limit, 1), most) : 20
}
