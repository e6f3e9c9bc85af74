import { setTimeout as delay } from 'node:timers/promises'
import type { RootDatabase } from 'lmdb'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { EmbeddedGate } from './embedded-gate.ts'

/** What a piece of work gives back to be called again in the next transaction. */
export const again: unique symbol = Symbol('again')

/** Reads and writes within a transaction, and at once: what it does before it throws is committed nevertheless. */
export type Work<Result> = () => Result | typeof again

interface Queued {
  readonly work: Work<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** A transaction runs in the event loop's thread; this is how long it may keep others waiting. */
const batchMs = 8

/**
 * All writing of one process goes through here: what is queued while a transaction is under way goes into the next
 * one together, and is acknowledged when that has been committed. Waiting for the lock that processes share is done
 * in another thread.
 */
export class WriteQueue {
  readonly #database: RootDatabase<Buffer, string | Buffer>
  readonly #gate: EmbeddedGate
  #queued: Queued[] = []
  #running: Promise<void> | undefined
  #ended: RepriseError | undefined

  constructor(database: RootDatabase<Buffer, string | Buffer>, gate: EmbeddedGate) {
    this.#database = database
    this.#gate = gate
  }

  /** Resolves with what `work` gives back, when that is committed: other processes see it, and a crash spares it. */
  write<Result>(work: Work<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      this.#queued.push({ work, resolve: resolve as (result: unknown) => void, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when all that was queued has been written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Writes what is queued, for at most `withinMs`, and takes no more. Throws when something was left. */
  async end(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), withinMs)
    })
    const outcome = await Promise.race([this.idle(), late])
    clearTimeout(timer)
    this.#ended = new RepriseError('store-closed', 'the embedded store has been closed')
    if (outcome === 'late') {
      for (const { reject } of this.#queued.splice(0)) reject(this.#ended)
      throw new RepriseError(
        'store-unavailable',
        'the embedded store closes without its last writes: another process holds its lock'
      )
    }
    this.#gate.stopWriting()
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn goes together.
    await Promise.resolve()
    while (this.#queued.length > 0) await this.#commitBatch()
    this.#running = undefined
    this.#gate.pauseWriting()
  }

  async #commitBatch(): Promise<void> {
    const ran = new Map<Queued, Outcome>()
    try {
      await this.#gate.startWriting()
      // A process that was killed while it read holds on to what it saw, until it is struck off the list of readers.
      // LMDB looks every ten minutes; all that is written meanwhile would make the file larger.
      this.#database.readerCheck()
      await this.#database.transaction(() => this.#workOff(ran))
    } catch (error) {
      const failure = failureOf(await reasonOf(error))
      // When the transaction could not even be begun, all would fail alike, and waiting helps nobody.
      const failed = ran.size > 0 ? [...ran.keys()] : this.#queued
      this.#queued = this.#queued.filter((queued) => !failed.includes(queued))
      for (const { reject } of failed) reject(failure)
      return
    }
    for (const [queued, outcome] of ran) {
      if (outcome.error !== undefined) queued.reject(failureOf(outcome.error))
      else if (outcome.result !== again) queued.resolve(outcome.result)
    }
  }

  #workOff(ran: Map<Queued, Outcome>): void {
    const untilMs = performance.now() + batchMs
    let waiting = this.#queued
    this.#queued = []
    // What is not finished in one go lets the others have theirs before it is called again.
    while (waiting.length > 0 && performance.now() < untilMs) {
      const unfinished: Queued[] = []
      let index = 0
      for (; index < waiting.length && performance.now() < untilMs; index++) {
        const queued = waiting[index] as Queued
        const outcome = outcomeOf(queued.work)
        ran.set(queued, outcome)
        if (outcome.result === again) unfinished.push(queued)
      }
      waiting = [...unfinished, ...waiting.slice(index)]
    }
    this.#queued = [...waiting, ...this.#queued]
  }
}

interface Outcome {
  readonly result?: unknown
  readonly error?: unknown
}

function outcomeOf(work: Work<unknown>): Outcome {
  try {
    return { result: work() }
  } catch (error) {
    return { error }
  }
}

/** LMDB puts the reason of a failed commit into a promise of its own, and settles that a little later. */
async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> }
  if (commitError === undefined) return error
  return Promise.race([commitError.catch((reason: unknown) => reason), delay(100, error, { ref: false })])
}

function failureOf(error: unknown): Error {
  if (error instanceof RepriseError) return error
  return new RepriseError('store-unavailable', `the embedded store cannot write: ${messageOf(error)}`, { cause: error })
}
