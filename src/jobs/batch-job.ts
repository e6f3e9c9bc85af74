import { randomBytes } from 'node:crypto'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { BatchApi, BatchState } from '../providers/batch-api.ts'
import { gatherAnswers, type PlacedAnswer } from './batch-answers.ts'
import { batchGroups } from './batch-groups.ts'
import type { BatchJobState, OpenBatch } from './batch-job-state.ts'
import type {
  BatchAnswer,
  BatchItem,
  BatchLacking,
  BatchPatience,
  BatchProgress,
  BatchReport,
  BatchStored
} from './batch-report.ts'
import { isWorthWaiting, patiently, pause } from './patiently.ts'
import { Reasons } from './reasons.ts'

export interface BatchJobOptions<Item extends BatchItem> {
  readonly items: readonly Item[]
  readonly apis: { readonly [Dialect in BatchItem['dialect']]: BatchApi }
  readonly state: BatchJobState
  /** Those of the items that are to be submitted: they are not there yet, and a batch can take them. */
  readonly lacking: (items: readonly Item[]) => Promise<BatchLacking<Item>>
  /**
   * Stores answers that were asked for when the mark was read. Resolves with what they cost, where that is known, and by
   * place why one was not stored.
   */
  readonly store: (answers: readonly BatchAnswer<Item>[], mark: number) => Promise<BatchStored>
  readonly tell: (progress: BatchProgress) => void
  /** Something that an operator should read. */
  readonly print: (line: string) => void
  /** Leaves the batches to the provider, and ends. */
  readonly signal: AbortSignal
  readonly patience?: Partial<BatchPatience>
}

/** How often a provider that does not answer is asked before a batch is not submitted, and for answers that it lacks. */
const attempts = 4

/** Has requests answered by providers' interfaces for batches: submits, waits, and stores what has come. May be killed at any instant and run again. */
export class BatchJob<Item extends BatchItem> {
  readonly #options: BatchJobOptions<Item>
  readonly #patience: BatchPatience
  readonly #items: ReadonlyMap<string, Item>
  readonly #failed = new Reasons()
  /** What the provider said of each batch last. */
  readonly #looks = new Map<string, BatchState>()
  /** Batches that hold answers to what is not asked for now: they are kept for who asks for it. */
  readonly #left = new Set<string>()
  /** Since when the provider has said of a batch that there is no such. */
  readonly #missing = new Map<string, number>()
  /** How often there were fewer answers of a batch than the provider says it has given. */
  readonly #short = new Map<string, number>()
  #trouble = ''
  #requests = 0
  #submitted = 0
  #batches = 0
  #stored = 0
  #costUsd = 0
  #unpriced = 0

  constructor(options: BatchJobOptions<Item>) {
    this.#options = options
    this.#patience = { settleMs: 30_000, firstWaitMs: 1000, longestWaitMs: 45_000, ...options.patience }
    this.#items = new Map(options.items.map((item) => [item.digest, item]))
  }

  /** @throws RepriseError when a provider refuses to say what has become of a batch, and whatever `store` and `lacking` throw */
  async run(): Promise<BatchReport> {
    const { state, lacking, signal } = this.#options
    try {
      for (const batch of this.#open) if (batch.id === undefined) await this.#settle(batch)
      const taken = new Set(state.open.flatMap((batch) => unsettled(batch).map((place) => batch.requests[place])))
      this.#requests = this.#open.reduce((sum, { requests }) => sum + requests.length, 0)
      const rest = [...this.#items.values()].filter(({ digest }) => !taken.has(digest))
      const { items, mark } = await lacking(rest)
      const { groups, tooLarge } = batchGroups(items, this.#options.apis)
      this.#failed.add('larger than a batch may be', tooLarge)
      for (const group of groups) await this.#submit(group, mark)
      await this.#fetchAll()
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return {
      submitted: this.#submitted,
      batches: this.#batches,
      stored: this.#stored,
      costUsd: this.#costUsd,
      unpriced: this.#unpriced,
      failed: this.#failed.counts,
      isOver: this.#open.length === 0
    }
  }

  /** Batches that are still to be waited for here: those that answer something of what is asked for. */
  get #open(): readonly OpenBatch[] {
    const { open } = this.#options.state
    return open.filter((batch) => !this.#left.has(batch.name) && this.#isWanted(batch))
  }

  #isWanted({ requests, settled }: OpenBatch): boolean {
    const isSettled = settled.size >= requests.length
    return isSettled || requests.some((digest, place) => !settled.has(place) && this.#items.has(digest))
  }

  /** The places of what is asked for and has not been dealt with. */
  #waiting(batch: OpenBatch): readonly number[] {
    return unsettled(batch).filter((place) => this.#items.has(batch.requests[place] ?? ''))
  }

  async #submit(items: readonly Item[], mark: number): Promise<void> {
    const { state, signal, print, apis } = this.#options
    const [first] = items
    if (first === undefined || signal.aborted) return
    const { dialect, path, model } = first
    const api = apis[dialect]
    const name = `r${randomBytes(16).toString('base64url')}`
    const lines = items.map(({ body }, place) => api.lineOf({ customId: `${name}-${place}`, path, body }))
    const refuse = (error: unknown): void => {
      print(`${dialect} takes no batch of ${model}: ${messageOf(error)}; its ${items.length} requests are left out`)
      this.#failed.add('the batch was refused', items.length)
    }
    let after: string | undefined
    try {
      after = await patiently(() => api.newest(signal), attempts, signal)
    } catch (error) {
      if (signal.aborted) throw error
      return refuse(error)
    }
    state.intend({ name, dialect, path, after: after ?? null, mark, requests: items.map(({ digest }) => digest) })
    for (let attempt = 1; ; attempt++) {
      let id: string
      try {
        id = (await api.submit(name, path, lines, signal)).id
      } catch (error) {
        // What was begun may have got there: the next run will look for it.
        if (signal.aborted) throw error
        if (!isWorthWaiting(error) || attempt === attempts) {
          const isRefused = error instanceof RepriseError && (!error.retryable || error.status === 429)
          if (!isRefused && (await this.#isThere(name)) !== 'no') return
          state.over(name)
          return refuse(error)
        }
        await pause(error.retryAfterMs ?? 1000 * 2 ** (attempt - 1), signal)
        // With no more than "too many" nothing was begun; with anything else it may have been.
        if (error.status !== 429 && (await this.#isThere(name)) !== 'no') return
        continue
      }
      state.submitted(name, id)
      return this.#count(items.length)
    }
  }

  /** Whether a batch that was to be submitted is at the provider. It stays open unless it surely is not. */
  async #isThere(name: string): Promise<'yes' | 'perhaps' | 'no'> {
    const { state, signal } = this.#options
    const batch = state.open.find((one) => one.name === name)
    if (batch === undefined) return 'no'
    try {
      for (const waitMs of [0, this.#patience.settleMs]) {
        if (waitMs > 0) await pause(waitMs, signal)
        const found = await patiently(() => this.#find(batch), attempts, signal)
        if (found === undefined) continue
        if (found === 'perhaps') return 'perhaps'
        state.submitted(name, found.id)
        this.#count(batch.requests.length)
        return 'yes'
      }
      return 'no'
    } catch (error) {
      if (signal.aborted || !(error instanceof RepriseError && error.retryable)) throw error
      return 'perhaps'
    }
  }

  #find({ name, dialect, after, requests }: OpenBatch): Promise<BatchState | 'perhaps' | undefined> {
    const others = new Set(this.#options.state.open.flatMap(({ id }) => (id === undefined ? [] : [id])))
    const sought = { name, count: requests.length, after: after ?? undefined, others }
    return this.#options.apis[dialect].find(sought, this.#options.signal)
  }

  /** Finds out what an earlier run has left unsaid. */
  async #settle({ name, requests }: OpenBatch): Promise<'yes' | 'perhaps' | 'no'> {
    const { state, print } = this.#options
    const there = await this.#isThere(name)
    if (there === 'yes') print(`a batch of ${requests.length} requests that was under way was found at the provider`)
    if (there === 'no') state.over(name)
    return there
  }

  async #fetchAll(): Promise<void> {
    const { signal } = this.#options
    let waitMs = this.#patience.firstWaitMs
    while (this.#open.length > 0) {
      this.#tell()
      await pause(waitMs, signal)
      let saidMs = 0
      for (const batch of this.#open) {
        try {
          await this.#fetch(batch)
        } catch (error) {
          if (signal.aborted || !(error instanceof RepriseError && error.retryable)) throw error
          this.#tellTrouble(error.message)
          saidMs = Math.max(saidMs, error.retryAfterMs ?? 0)
        }
      }
      waitMs = Math.max(saidMs, Math.min(this.#patience.longestWaitMs, waitMs * 1.5))
    }
    this.#tell()
  }

  /** Looks at a batch, and fetches what there is when it is over. */
  async #fetch(batch: OpenBatch): Promise<void> {
    const { state, apis, signal, print } = this.#options
    const { name, dialect, id } = batch
    if (batch.settled.size >= batch.requests.length) return state.over(name)
    if (id === undefined) {
      const waiting = this.#waiting(batch)
      if ((await this.#settle(batch)) === 'no') this.#failed.add('it was never submitted', waiting.length)
      return
    }
    let others: number
    let look: BatchState
    try {
      look = await apis[dialect].look(id, signal)
      this.#looks.set(name, look)
      others = look.isOver ? await this.#storeAll(batch, look) : 0
      this.#missing.delete(name)
      if (!look.isOver) return
    } catch (error) {
      if (!(error instanceof RepriseError && error.status === 404 && error.code === 'provider-malformed')) throw error
      // A provider may not know everywhere at once what it has just taken.
      const sinceMs = this.#missing.get(name) ?? Date.now()
      this.#missing.set(name, sinceMs)
      if (Date.now() - sinceMs < this.#patience.settleMs) return
      // Batches and their results are kept for a month or so.
      print(`the batch ${id} has gone from the provider: ${messageOf(error)}`)
      this.#failed.add('the batch has gone', this.#waiting(batch).length)
      return state.over(name)
    }
    if (look.problem !== undefined) print(`the batch ${id} has ended early: ${look.problem}`)
    const waiting = this.#waiting(batch)
    this.#failed.add(look.problem ?? 'no answer came', waiting.length)
    if (others === 0) return state.over(name)
    state.settled(name, waiting)
    this.#left.add(name)
    print(
      `${others} answers of the batch ${id} are to what is not asked for now: they are left for whoever asks for it`
    )
  }

  /** Stores what has come for those who ask. Resolves with how many answers are to what is not asked for now. */
  async #storeAll(batch: OpenBatch, look: BatchState): Promise<number> {
    const { state, apis, signal } = this.#options
    const { name, dialect } = batch
    const results = apis[dialect].results(look, signal)
    const store = (answers: readonly PlacedAnswer<Item>[]): Promise<void> => this.#store(batch, answers)
    const { answered, others, without } = await gatherAnswers(batch, results, this.#items, store, signal)
    const times = this.#short.get(name) ?? 0
    if (answered < look.done && times < attempts) {
      this.#short.set(name, times + 1)
      const said = `${dialect} gave ${answered} of the ${look.done} answers of the batch ${look.id}`
      throw new RepriseError('provider-unreachable', said)
    }
    // Not before: what is read again, because the results broke off, is not counted twice.
    const failed = this.#waiting(batch).filter((place) => without.has(place))
    state.settled(name, failed)
    for (const place of failed) this.#failed.add(without.get(place) ?? '')
    return others
  }

  async #store({ name, mark }: OpenBatch, answers: readonly PlacedAnswer<Item>[]): Promise<void> {
    const { refused, costUsd, unpriced } = await this.#options.store(answers, mark)
    const places = answers.map(({ place }) => place)
    this.#options.state.settled(name, places)
    for (const why of refused.values()) this.#failed.add(`the answer was not stored: ${why}`)
    this.#stored += answers.length - refused.size
    this.#costUsd += costUsd
    this.#unpriced += unpriced
    this.#tell()
  }

  #count(requests: number): void {
    this.#submitted += requests
    this.#requests += requests
    this.#batches += 1
  }

  /** Whatever keeps it waiting, once. */
  #tellTrouble(message: string): void {
    if (message !== this.#trouble) this.#options.print(`${message}; it is asked again`)
    this.#trouble = message
  }

  #tell(): void {
    const answered = [...this.#looks.values()].reduce((sum, { done }) => sum + done, 0)
    const { total } = this.#failed
    this.#options.tell({
      open: this.#open.length,
      requests: this.#requests,
      answered,
      stored: this.#stored,
      failed: total
    })
  }
}

/** The places of what has not been dealt with. */
function unsettled({ requests, settled }: OpenBatch): readonly number[] {
  return requests.flatMap((_, place) => (settled.has(place) ? [] : [place]))
}
