import { randomBytes } from 'node:crypto'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { BatchApi, BatchState } from '../providers/batch-api.ts'
import { batchGroups } from './batch-groups.ts'
import type { BatchJobState, OpenBatch } from './batch-job-state.ts'
import type { BatchAnswer, BatchItem, BatchPatience, BatchProgress, BatchReport, BatchStored } from './batch-report.ts'
import { isWorthWaiting, patiently, pause } from './patiently.ts'

export interface BatchJobOptions<Item extends BatchItem> {
  readonly items: readonly Item[]
  readonly apis: { readonly [Dialect in BatchItem['dialect']]: BatchApi }
  readonly state: BatchJobState
  /** Those of the items that are to be submitted: they are not there yet, and a batch can take them. */
  readonly lacking: (items: readonly Item[]) => Promise<readonly Item[]>
  /** Stores answers. Resolves with what they cost, where that is known, and by place why one was not stored. */
  readonly store: (answers: readonly BatchAnswer<Item>[]) => Promise<BatchStored>
  readonly tell: (progress: BatchProgress) => void
  /** Something that an operator should read. */
  readonly print: (line: string) => void
  /** Leaves the batches to the provider, and ends. */
  readonly signal: AbortSignal
  readonly patience?: Partial<BatchPatience>
}

/** As many answers are stored at a time, of so many characters together. */
const mostAnswers = 50
const mostCharacters = 1_000_000
/** How often a provider that does not answer is asked before a batch is not submitted. */
const attempts = 4

/** Has requests answered by providers' interfaces for batches: submits, waits, and stores what has come. May be killed at any instant and run again. */
export class BatchJob<Item extends BatchItem> {
  readonly #options: BatchJobOptions<Item>
  readonly #patience: BatchPatience
  readonly #items: ReadonlyMap<string, Item>
  readonly #failed = new Map<string, number>()
  /** What the provider said of each batch last. */
  readonly #looks = new Map<string, BatchState>()
  /** Batches that hold answers to what is not asked for now: they are kept for who asks for it. */
  readonly #left = new Set<string>()
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
      const taken = new Set(state.open.flatMap(({ requests }) => requests))
      this.#requests = this.#open.reduce((sum, { requests }) => sum + requests.length, 0)
      const rest = [...this.#items.values()].filter(({ digest }) => !taken.has(digest))
      const { groups, tooLarge } = batchGroups(await lacking(rest), this.#options.apis)
      this.#fail('larger than a batch may be', tooLarge)
      for (const group of groups) await this.#submit(group)
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
      failed: this.#failed,
      isOver: this.#open.length === 0
    }
  }

  /** Batches that are still to be waited for here: those that answer something of what is asked for. */
  get #open(): readonly OpenBatch[] {
    const { open } = this.#options.state
    return open.filter(({ name, requests }) => !this.#left.has(name) && requests.some((one) => this.#items.has(one)))
  }

  async #submit(items: readonly Item[]): Promise<void> {
    const { state, signal, print, apis } = this.#options
    const [first] = items
    if (first === undefined || signal.aborted) return
    const { dialect, path, model } = first
    const api = apis[dialect]
    const name = `r${randomBytes(16).toString('base64url')}`
    const lines = items.map(({ body }, place) => api.lineOf({ customId: `${name}-${place}`, path, body }))
    const refuse = (error: unknown): void => {
      print(`${dialect} takes no batch of ${model}: ${messageOf(error)}; its ${items.length} requests are left out`)
      this.#fail('the batch was refused', items.length)
    }
    let after: string | undefined
    try {
      after = await patiently(() => api.newest(signal), attempts, signal)
    } catch (error) {
      if (signal.aborted) throw error
      return refuse(error)
    }
    state.intend({ name, dialect, path, after: after ?? null, requests: items.map(({ digest }) => digest) })
    for (let attempt = 1; ; attempt++) {
      try {
        const { id } = await api.submit(name, path, lines, signal)
        state.submitted(name, id)
        this.#count(items.length)
        return
      } catch (error) {
        // What was begun may have got there: the next run will look for it.
        if (signal.aborted) throw error
        if (!isWorthWaiting(error) || attempt === attempts) {
          const isUnsure = error instanceof RepriseError && error.retryable && error.status !== 429
          if (isUnsure && (await this.#isThere(name)) !== 'no') return
          state.over(name)
          return refuse(error)
        }
        await pause(error.retryAfterMs ?? 1000 * 2 ** (attempt - 1), signal)
        // With no more than "too many" nothing was begun; with anything else it may have been.
        if (error.status !== 429 && (await this.#isThere(name)) !== 'no') return
      }
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
    if (id === undefined) {
      if ((await this.#settle(batch)) === 'no') this.#fail('it was never submitted', batch.requests.length)
      return
    }
    let others: number
    let look: BatchState
    try {
      look = await apis[dialect].look(id, signal)
      this.#looks.set(name, look)
      if (!look.isOver) return
      if (look.problem !== undefined) print(`the batch ${id} has ended early: ${look.problem}`)
      others = await this.#storeAll(batch, look)
    } catch (error) {
      // Providers keep batches and their results for a month or so.
      if (!(error instanceof RepriseError && error.status === 404 && error.code === 'provider-malformed')) throw error
      print(`the batch ${id} has gone from the provider: ${messageOf(error)}`)
      this.#fail('the batch has gone', batch.requests.length - batch.settled.size)
      return state.over(name)
    }
    this.#fail(look.problem ?? 'no answer came', batch.requests.length - batch.settled.size - others)
    if (others === 0) return state.over(name)
    this.#left.add(name)
    print(
      `${others} answers of the batch ${id} are to what is not asked for now: they are left for whoever asks for it`
    )
  }

  /** Stores what has come for those who ask. Resolves with how many answers are to what is not asked for now. */
  async #storeAll(batch: OpenBatch, look: BatchState): Promise<number> {
    const { state, apis, signal } = this.#options
    const { name, dialect, requests } = batch
    let open: { place: number; item: Item; answer: JsonObject }[] = []
    let characters = 0
    const flush = async (): Promise<void> => {
      if (open.length === 0) return
      const { refused, costUsd, unpriced } = await this.#options.store(open)
      for (const why of refused.values()) this.#fail(`the answer was not stored: ${why}`)
      this.#stored += open.length - refused.size
      this.#costUsd += costUsd
      this.#unpriced += unpriced
      state.settled(
        name,
        open.map(({ place }) => place)
      )
      open = []
      characters = 0
      this.#tell()
    }
    const seen = new Set(batch.settled)
    let others = 0
    const without: { readonly place: number; readonly why: string }[] = []
    for await (const result of apis[dialect].results(look, signal)) {
      const place = placeIn(name, result.customId)
      const digest = requests[place]
      if (digest === undefined || seen.has(place)) continue
      seen.add(place)
      const item = this.#items.get(digest)
      if (item === undefined) others += 1
      else if ('answer' in result) {
        open.push({ place, item, answer: result.answer })
        characters += item.body.length + JSON.stringify(result.answer).length
        if (open.length >= mostAnswers || characters > mostCharacters) await flush()
        if (signal.aborted) throw new RepriseError('aborted', 'interrupted')
      } else {
        without.push({ place, why: result.problem })
      }
    }
    await flush()
    // Not before: what is read again, because the file of results broke off, is not counted twice.
    for (const { why } of without) this.#fail(why)
    state.settled(
      name,
      without.map(({ place }) => place)
    )
    return others
  }

  #count(requests: number): void {
    this.#submitted += requests
    this.#requests += requests
    this.#batches += 1
  }

  #fail(why: string, times = 1): void {
    if (times > 0) this.#failed.set(why, (this.#failed.get(why) ?? 0) + times)
  }

  #tell(): void {
    const answered = [...this.#looks.values()].reduce((sum, { done }) => sum + done, 0)
    const failed = [...this.#failed.values()].reduce((sum, times) => sum + times, 0)
    this.#options.tell({ open: this.#open.length, requests: this.#requests, answered, stored: this.#stored, failed })
  }
}

/** The place that an id names among a batch's requests; NaN when it is of another batch. */
function placeIn(name: string, customId: string): number {
  const place = customId.startsWith(`${name}-`) ? customId.slice(name.length + 1) : ''
  return /^\d+$/.test(place) ? Number(place) : Number.NaN
}
