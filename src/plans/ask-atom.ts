import type { AskedInVain, AskedWell } from '../jobs/ask-all.ts'
import type { AtomAnswer, AtomRequest } from './plan.ts'

/** Asks one atom. Throws when it is aborted, or when going on with the others makes no sense. */
export type AskAtom = (request: AtomRequest, signal: AbortSignal) => Promise<AskedAtom>

export type AskedAtom = AskedWell<AtomAnswer> | AtomAskedInVain

export interface AtomAskedInVain extends AskedInVain {
  /** In US dollars: there was an answer that had to be paid for, and is of no use; undefined: at an unknown price. */
  readonly costUsd?: number | undefined
}

/** Called before a wave is asked, counted from 1. The signal says that nothing more is to be begun. */
export type BeforeWave = (requests: readonly AtomRequest[], wave: number, signal: AbortSignal) => Promise<void>
