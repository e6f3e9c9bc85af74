import type { AskEnd } from '../jobs/ask-all.ts'
import type { AtomAnswer } from './plan.ts'

/** What happens while a plan is run, in order; for a display, a log or a test. Waves are counted from 1. */
export type PlanEvent = PlanBegun | WaveBegun | AtomBegun | AtomSettled | WaveEnded | PlanEnded

export interface PlanBegun {
  readonly type: 'plan-begun'
  readonly plan: string
  readonly waves: number
  readonly atoms: number
  /** Of these: how many have answers from an earlier run for certain. They are not told of one by one. */
  readonly alreadyDone: number
}

export interface WaveBegun {
  readonly type: 'wave-begun'
  readonly wave: number
  /** How many atoms are in it. */
  readonly atoms: number
  /** Of these: how many were not known to be done when the plan began. Each of them is told of, unless the run ends before. */
  readonly pending: number
}

export interface AtomBegun {
  readonly type: 'atom-begun'
  readonly atom: string
  readonly wave: number
}

export interface AtomSettled {
  readonly type: 'atom-settled'
  readonly atom: string
  readonly wave: number
  /**
   * `answered`: asked in this run. `resumed`: an earlier run's answer, found to hold only now. `failed`: it has no
   * answer. `skipped`: an atom that it needs has none.
   */
  readonly outcome: 'answered' | 'resumed' | 'failed' | 'skipped'
  /** Who answered: `exact`, `semantic`, `provider`. */
  readonly layer?: string
  /** Nobody was paid for it. */
  readonly hit?: boolean
  /** In US dollars; absent: nobody knows, or nothing was asked. */
  readonly costUsd?: number
  readonly savedUsd?: number
  /** From its first attempt to its end, waits included, in milliseconds. */
  readonly tookMs?: number
  /** Why it failed or was skipped. */
  readonly error?: string
  /** The HTTP status of its failure, where there was one. */
  readonly status?: number
}

export interface WaveEnded {
  readonly type: 'wave-ended'
  readonly wave: number
}

export interface PlanEnded {
  readonly type: 'plan-ended'
  readonly outcome: PlanOutcome
}

/** How a run of a plan came out. */
export interface PlanOutcome {
  /** `finished` when nothing is left to ask; failures and skips are counted, and are no other end. */
  readonly end: AskEnd
  /** How many atoms the plan has. */
  readonly atoms: number
  /** How many have an answer, an earlier run's included. */
  readonly done: number
  /** Of those that were asked in this run: how many cost nothing. */
  readonly hits: number
  readonly failed: number
  /** How many were not asked because an atom that they need has no answer. */
  readonly skipped: number
  /** Of those that have an answer: how many have it from an earlier run. */
  readonly resumed: number
  /** How many were not reached, because the run ended before. */
  readonly left: number
  /** What this run has spent, in US dollars, as far as prices are known. */
  readonly costUsd: number
  /** How many answers had no known price. */
  readonly unpriced: number
  readonly savedUsd: number
  /** Answers by atom, an earlier run's included. */
  readonly answers: ReadonlyMap<string, AtomAnswer>
}
