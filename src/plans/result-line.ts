import { isObject } from '../core/json.ts'
import type { AtomAnswer } from './plan.ts'

/** A line of a file of results: what became of an atom. The last line of an atom is the one that holds. */
export type ResultLine = AnsweredLine | UnansweredLine

export interface AnsweredLine {
  readonly plan: string
  readonly atom: string
  readonly wave: number
  readonly ok: true
  /** SHA-256 of what was asked, in hexadecimal: an answer holds while that is the same. */
  readonly request: string
  readonly text: string
  readonly layer: string
  readonly hit: boolean
  /** In US dollars; absent: nobody knows. */
  readonly costUsd?: number
  readonly savedUsd?: number
  readonly usage?: AtomAnswer['usage']
  readonly tookMs: number
  /** When it was settled, in ISO 8601. */
  readonly at: string
}

export interface UnansweredLine {
  readonly plan: string
  readonly atom: string
  readonly wave: number
  readonly ok: false
  /** Absent: it was not asked. */
  readonly request?: string
  readonly error: string
  /** The HTTP status of the failure, where there was one. */
  readonly status?: number
  /** It was skipped, because this atom, which it needs, has no answer. */
  readonly skippedFor?: string
  /** An answer that is of no use may have cost something. */
  readonly costUsd?: number
  readonly tookMs?: number
  readonly at: string
}

/** What every line of a plan begins with, so that a file can be told from others by what there is of it. */
export function lineHead(plan: string): string {
  return `{"plan":${JSON.stringify(plan)},"atom":"`
}

/** The fields in the order in which they are written: `plan` and `atom` first. */
export function lineText({ plan, atom, ...rest }: ResultLine): string {
  return `${JSON.stringify({ plan, atom, ...rest })}\n`
}

/** A line, read; undefined for what is none of the plan's. Fields that are not known are left alone. */
export function readResultLine(text: string, plan: string): ResultLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || value['plan'] !== plan || typeof value['atom'] !== 'string') return undefined
  const { ok, request, text: said, layer, hit, error } = value
  const isAnswer =
    ok === true && [request, said, layer].every((field) => typeof field === 'string') && typeof hit === 'boolean'
  return isAnswer || (ok === false && typeof error === 'string') ? (value as unknown as ResultLine) : undefined
}

/** What an atom was told, as its line says. */
export function answerIn({ text, layer, hit, savedUsd, usage }: AnsweredLine): AtomAnswer {
  return {
    text,
    layer,
    isHit: hit,
    ...(savedUsd === undefined ? {} : { savedUsd }),
    ...(usage === undefined ? {} : { usage })
  }
}
