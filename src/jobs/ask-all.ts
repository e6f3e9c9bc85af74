import { setMaxListeners } from 'node:events'
import type { SpendingLimit } from './spending-limit.ts'

/** What became of one thing that was asked. */
export type Asked<Answer> = AskedWell<Answer> | AskedInVain

export interface AskedWell<Answer> {
  readonly ok: true
  /** In US dollars: 0 for a hit; undefined: nobody knows. */
  readonly costUsd: number | undefined
  readonly answer: Answer
}

export interface AskedInVain {
  readonly ok: false
  /** The HTTP status; undefined: there was no answer at all. */
  readonly status?: number
  readonly message: string
  /** Asking again later may help. */
  readonly mayPass: boolean
  /** When it does, in milliseconds from now, where that was said. */
  readonly retryAfterMs?: number
  /** The others will fare no better: a wrong key, a gateway that is gone. */
  readonly concernsAll: boolean
}

export interface AskAllOptions<Item, Answer> {
  /** What is to be asked, in order; taken as it is needed. */
  readonly items: AsyncIterator<Item>
  /** Asks for one. Throws when going on makes no sense, or when it was aborted. */
  readonly ask: (item: Item, signal: AbortSignal) => Promise<Asked<Answer>>
  /** Called once for each that was asked to its end; not for those that were given up because of `stop` or `abort`. */
  readonly settled: (item: Item, asked: Asked<Answer>) => void
  /** How many are under way at a time. */
  readonly concurrency: number
  /** Default: none, spend what it takes. */
  readonly budget?: SpendingLimit
  /** With a budget: what has an unknown price counts as nothing. Default: false, it ends the run. */
  readonly allowUnknown?: boolean
  /** Begins nothing more, and waits for what is under way. */
  readonly stop?: AbortSignal
  /** Gives up what is under way, too. */
  readonly abort?: AbortSignal
  /** How often one is asked at most. Default: 5. */
  readonly attempts?: number
  /** The longest wait that is worth it, in milliseconds. Default: 300,000. */
  readonly longestWaitMs?: number
  /** After how many failures in a row that concern all it ends. Default: 20. */
  readonly patience?: number
  /** Waits so many milliseconds, or until the signal aborts. Default: the clock. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
  readonly now?: () => number
}

/**
 * Why a run has ended: everything was asked; `stop`; the budget does not allow more; an answer has no price, and there
 * is a budget; too many failures in a row that concern all.
 */
export type AskEnd = 'finished' | 'stopped' | 'over-budget' | 'price-unknown' | 'failing'

/**
 * Asks for many things, some at a time, until all are asked or something ends it. A failure that may pass is asked again
 * after the wait that was said, or after 0.5, 1, 2, ... seconds; and while one waits because it was told to, no other is
 * begun. @throws whatever `ask` or `items` throws, after what was under way has ended
 */
export async function askAll<Item, Answer>(options: AskAllOptions<Item, Answer>): Promise<AskEnd> {
  const { items, ask, settled, budget, wait = waited, now = Date.now } = options
  const { attempts = 5, longestWaitMs = 300_000, patience = 20 } = options
  const abort = options.abort ?? new AbortController().signal
  const ending = new AbortController()
  const leave = AbortSignal.any([ending.signal, abort, ...(options.stop === undefined ? [] : [options.stop])])
  // As many listen as are under way.
  setMaxListeners(0, leave, abort)
  const changes = new Changes()
  let end: AskEnd | undefined
  let underWay = 0
  let pausedUntilMs = 0
  let failuresInRow = 0
  let thrown: { readonly error: unknown } | undefined

  function endWith(reason: AskEnd): void {
    end ??= reason
    ending.abort()
    changes.happen()
  }

  /** Waits until one more may be begun, and counts it as begun; false when none may any more. */
  async function begun(): Promise<boolean> {
    for (;;) {
      if (leave.aborted) return false
      const pauseMs = pausedUntilMs - now()
      if (pauseMs > 0) await wait(pauseMs, leave)
      else if (budget === undefined || budget.begin()) {
        underWay += 1
        return true
      } else if (underWay === 0) endWith('over-budget')
      // It may cost less than was set aside for it.
      else await changes.next()
    }
  }

  /** Asks until there is an answer, or no hope; undefined when it was given up. */
  async function asked(item: Item): Promise<Asked<Answer> | undefined> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await ask(item, abort)
      if (outcome.ok || !outcome.mayPass || attempt >= attempts) return outcome
      const { retryAfterMs } = outcome
      const waitMs = retryAfterMs ?? 500 * 2 ** (attempt - 1)
      if (waitMs > longestWaitMs) return outcome
      if (retryAfterMs !== undefined) pausedUntilMs = Math.max(pausedUntilMs, now() + retryAfterMs)
      await wait(waitMs, leave)
      if (leave.aborted) return undefined
    }
  }

  function account(item: Item, outcome: Asked<Answer>): void {
    settled(item, outcome)
    if (outcome.ok) {
      failuresInRow = 0
      if (outcome.costUsd === undefined && budget !== undefined && options.allowUnknown !== true)
        endWith('price-unknown')
    } else if (outcome.concernsAll) {
      failuresInRow += 1
      if (failuresInRow >= patience) endWith('failing')
    }
  }

  async function work(): Promise<void> {
    while (!leave.aborted) {
      const { value: item, done } = await items.next()
      if (done === true || !(await begun())) return
      let costUsd = 0
      try {
        const outcome = await asked(item)
        if (outcome?.ok === true) costUsd = outcome.costUsd ?? 0
        if (outcome !== undefined) account(item, outcome)
      } finally {
        underWay -= 1
        budget?.end(costUsd)
        changes.happen()
      }
    }
  }

  async function worker(): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!abort.aborted) thrown ??= { error }
      ending.abort()
      changes.happen()
    }
  }

  // What waits for the budget has to hear that there is no more to wait for.
  leave.addEventListener('abort', () => changes.happen(), { once: true })
  await Promise.all(Array.from({ length: options.concurrency }, worker))
  await items.return?.()
  if (thrown !== undefined) throw thrown.error
  return end ?? (leave.aborted ? 'stopped' : 'finished')
}

/** Tells all who wait that something has changed. */
class Changes {
  #waiting: (() => void)[] = []

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  happen(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(over, ms)
    signal.addEventListener('abort', over, { once: true })
    function over(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
  })
}
