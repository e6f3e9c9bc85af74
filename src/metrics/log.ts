import { constants } from 'node:os'
import { type Level, pino } from 'pino'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import { errorTable, ProviderError, RepriseError } from '../core/errors.ts'
import type { Answered, Event, Observe } from '../core/events.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import { clipped } from './groups.ts'
import { lineOutput } from './line-output.ts'

export interface LogOptions {
  /** The least that is told. Default: `info`. */
  readonly level?: LogLevel
  /** Callers' words too: what was asked, and what was nearly taken for something else. Default: none. */
  readonly texts?: boolean
  /** Where the lines go. Default: the standard output. */
  readonly stream?: { write(line: string): void }
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Callers choose the names of models and tags, and how many. */
const longestName = 200
const mostTags = 50

/**
 * Logs what happens, one line of JSON each: every request that is answered, and what operators must know. It never says
 * what was asked or answered, nor anybody's credential, nor anything in the words of a provider, a store or a caller,
 * which may repeat those: of an error its code and status. Only with `texts` it says what was asked.
 */
export function createLog({ level = 'info', texts = false, stream = standardOutput() }: LogOptions = {}): Observe {
  const logger = pino(
    {
      level,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Neither process nor machine: what collects lines knows where they come from.
      base: null
    },
    stream
  )
  return (event) => {
    const at = levelOf(event)
    if (at !== undefined && logger.isLevelEnabled(at)) logger[at](fieldsOf(event, texts), event.type)
  }
}

function standardOutput(): { write(line: string): void } {
  return lineOutput({
    lost: (count) => {
      const time = new Date().toISOString()
      return `${JSON.stringify({ level: 'warn', time, count, event: 'lines-lost' })}\n`
    }
  })
}

/** Undefined for what is not worth a line of its own: `answered` says what has become of each request. */
function levelOf(event: Event): Level | undefined {
  switch (event.type) {
    case 'answered':
      return event.outcome === 'failed' ? 'warn' : 'info'
    case 'opened':
    case 'failed':
    case 'fell-back':
    case 'rescued':
      return 'warn'
    case 'closed':
    case 'switched':
    case 'invalidated':
      return 'info'
    case 'skipped':
      // That a target is left out has been said when it was.
      return event.reason === 'left-out' ? 'debug' : 'info'
    case 'refreshed':
      return event.ok ? 'debug' : 'warn'
    case 'refuted':
    case 'refused':
    case 'stored':
    case 'asked':
    case 'batched':
    case 'retried':
    case 'charged':
      return 'debug'
    default:
      return undefined
  }
}

type Fields = Readonly<Record<string, unknown>>

/** Each field by name: what is added to an event one day is not logged before somebody has thought of it. */
function fieldsOf(event: Event, texts: boolean): Fields {
  switch (event.type) {
    case 'answered':
      return answeredFields(event, texts)
    case 'opened':
    case 'closed':
      return { part: event.part, ...(event.error === undefined ? {} : { error: errorFields(event.error) }) }
    case 'failed':
      return { part: event.part, operation: event.operation, kind: event.kind, error: errorFields(event.error) }
    case 'fell-back':
      return { from: event.from, to: event.to, ...reasonFields(event.reason) }
    case 'retried':
      return { target: event.target, waitMs: rounded(event.waitMs), ...reasonFields(event.reason) }
    case 'skipped':
      return { target: event.target, reason: event.reason }
    case 'rescued':
      return {
        layer: event.layer,
        kind: event.kind,
        key: event.key,
        similarity: event.similarity,
        savedUsd: event.savedUsd
      }
    case 'refuted': {
      const { layer, kind, key, similarity, by, reason, text, entryText } = event
      // A guard's reason quotes what differs.
      return { layer, kind, key, similarity, by, ...(texts ? { reason, text, entryText } : {}) }
    }
    case 'switched':
      return { layer: event.layer, on: event.on }
    case 'invalidated':
      return { count: event.count, byKind: event.byKind }
    case 'refreshed':
      return { kind: event.kind, key: event.key, ok: event.ok }
    case 'refused':
      return { layer: event.layer, kind: event.kind, key: event.key, reason: wordOf(event.reason) }
    case 'stored':
      return { layer: event.layer, kind: event.kind, key: event.key, bytes: event.bytes }
    case 'asked':
      return { provider: event.provider, wire: event.wire, ok: event.ok, tookMs: rounded(event.tookMs) }
    case 'batched': {
      const { layer, kind, size, alone, reasons } = event
      return { layer, kind, size, alone, reasons: [...new Set(reasons.map(wordOf))] }
    }
    case 'charged':
      return { target: event.target, model: nameOf(event.model), costUsd: event.costUsd }
    default:
      return {}
  }
}

function answeredFields(
  { kind, model, outcome, layer, tookMs, tags, tenant, origin, error, text }: Answered,
  texts: boolean
): Fields {
  return {
    kind,
    model: nameOf(model),
    outcome,
    layer,
    key: origin?.key,
    tookMs: rounded(tookMs),
    savedUsd: origin?.savedUsd,
    costUsd: origin?.costUsd,
    tenant,
    tags: tags.length === 0 ? undefined : tags.slice(0, mostTags).map(nameOf),
    provider: origin?.provider,
    batched: origin?.batched,
    similarity: origin?.similarity,
    ageMs: rounded(origin?.ageMs),
    stale: origin?.stale,
    inputTokens: origin?.usage?.inputTokens,
    outputTokens: origin?.usage?.outputTokens,
    bypass: origin?.bypass && wordOf(origin.bypass),
    error: outcome === 'failed' ? errorFields(error) : undefined,
    text: texts ? text : undefined
  }
}

/** What an error is, in nobody's words. */
function errorFields(error: unknown): Fields {
  if (error instanceof AllProvidersFailedError) {
    const failures = error.failures.map(({ target, status, cause }) => ({ target, status, cause: codeOf(cause) }))
    return { code: error.code, status: error.status, failures }
  }
  if (error instanceof ProviderError) return { code: 'provider', provider: error.provider, status: error.status }
  if (error instanceof OverBudgetError) return { code: error.code, status: error.status, budget: error.details.budget }
  if (error instanceof RepriseError) {
    return { code: error.code, status: error.status, cause: codeOf(error.cause) }
  }
  return { code: codeOf(error) ?? 'unknown' }
}

/** Anybody may have put anything into an error: only what stands in a list, or is made like the codes of Node. */
const librariesCode = /^(?:UND_ERR_[A-Z_]{1,30}|ERR_[A-Z0-9_]{1,40})$/
const storesCode =
  /^(?:OOM|READONLY|NOAUTH|WRONGPASS|NOPERM|LOADING|MISCONF|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|NOSCRIPT|WRONGTYPE|MDB_[A-Z_]{1,20})\b/

/** The first code among an error and its causes. */
function codeOf(error: unknown): string | undefined {
  let cause = error
  for (let depth = 0; cause instanceof Error && depth < 5; depth++) {
    if (cause instanceof RepriseError && Object.hasOwn(errorTable, cause.code)) return cause.code
    if (cause instanceof ProviderError) return `provider-${cause.status}`
    const code = 'code' in cause ? String(cause.code) : ''
    if (Object.hasOwn(constants.errno, code) || librariesCode.test(code)) return code
    const store = storesCode.exec(cause.message)
    if (store !== null) return store[0]
    cause = cause.cause
  }
  return undefined
}

/** A reason may go on in a provider's words. */
function reasonFields(reason: string): Fields {
  const status = /^answered (\d{3})\b/.exec(reason)?.[1]
  if (status !== undefined) return { status: Number(status) }
  return reason.startsWith('the stream began with an error') ? { reason: 'error-in-stream' } : {}
}

/** Reasons are words such as `no-store`; a kind of your own may say what it likes. */
function wordOf(reason: string): string {
  return /^[a-z0-9-]{1,40}$/.test(reason) ? reason : 'other'
}

function nameOf<Name extends string | undefined>(name: Name): Name | string {
  return name !== undefined && name.length > longestName ? clipped(name, longestName) : name
}

function rounded<Amount extends number | undefined>(ms: Amount): Amount | number {
  return ms === undefined ? ms : Math.round(ms * 1000) / 1000
}
