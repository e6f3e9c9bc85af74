import type { IncomingHttpHeaders } from 'node:http'
import { parseDuration } from '../core/duration.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { defaultMode, type Mode } from '../core/mode.ts'
import { least, type OtherCache, type Wish, wishesOf, wishOfBody } from './other-caches.ts'

/** What a request asks of the cache. */
export interface Controls {
  readonly mode: Mode
  readonly tags: readonly string[]
  readonly ttlMs?: number
  readonly staleWhileRevalidateMs?: number
  readonly graceMs?: number
  /** Whether it may be asked together with others. */
  readonly batch?: boolean
  /** A narrower scope within the caller's own. */
  readonly scope?: string
  /** In whose words beside the gateway's own the outcome is told: in those that the request speaks. */
  readonly tells?: readonly OtherCache[]
}

const asUsual: Controls = { mode: defaultMode, tags: [] }
/** What a request's tags may come to: so long each, and so many. */
export const longestTag = 256
export const mostTags = 64

/**
 * Reads `Cache-Control` (RFC 9111; what it does not know it ignores, as the RFC wants), `x-reprise-tags`, `-scope`,
 * `-ttl`, `-stale-while-revalidate`, `-grace`, `-batch`, and what other caches' headers ask for.
 * @throws RepriseError `invalid-header`, for the gateway's own
 */
export function readControls(headers: IncomingHttpHeaders): Controls {
  const own = readOwn(headers)
  const wishes = wishesOf(headers)
  return wishes === undefined ? own : joined(own, wishes)
}

/** The controls, with what the request's body asks of the cache, if it does. */
export function withBodyControls(controls: Controls, cache: JsonObject | undefined): Controls {
  return cache === undefined ? controls : joined(controls, [wishOfBody(cache)])
}

/** Of two that say something else the more careful goes: no-store before no-cache, the shorter time; scopes add up. */
function joined(controls: Controls, wishes: readonly Wish[]): Controls {
  const scopes = [controls.scope, ...wishes.map(({ scope }) => scope)].filter((scope) => scope !== undefined)
  // One alone stays as it is: what was stored under `x-reprise-scope` is found again, whatever else is said.
  const [scope] = scopes.length < 2 ? scopes : [JSON.stringify(scopes)]
  const ttlMs = wishes.reduce((ttl, wish) => least(ttl, wish.ttlMs), controls.ttlMs)
  return {
    ...controls,
    mode: joinedMode(controls.mode, wishes),
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(scope === undefined ? {} : { scope }),
    tells: [...(controls.tells ?? []), ...wishes.map((wish) => wish.of)]
  }
}

function joinedMode(mode: Mode, wishes: readonly Wish[]): Mode {
  const maxAgeMs = wishes.reduce((age, wish) => least(age, wish.maxAgeMs), mode.maxAgeMs)
  const all: Mode = {
    ...mode,
    ...(wishes.some(({ noStore }) => noStore) ? { noStore: true } : {}),
    ...(wishes.some(({ noCache }) => noCache) ? { noCache: true } : {}),
    ...(wishes.some(({ exactOnly }) => exactOnly) ? { exactOnly: true } : {}),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs })
  }
  // Whoever asks for nothing in particular shares a call with those who do not ask at all.
  return Object.keys(all).length === 0 ? defaultMode : all
}

function readOwn(headers: IncomingHttpHeaders): Controls {
  const control = headers['cache-control']
  const tags = headers['x-reprise-tags']
  const ttl = headers['x-reprise-ttl']
  const scope = headers['x-reprise-scope']
  const revalidate = headers['x-reprise-stale-while-revalidate']
  const grace = headers['x-reprise-grace']
  const batch = headers['x-reprise-batch']
  if (control === undefined && tags === undefined && ttl === undefined && scope === undefined) {
    if (revalidate === undefined && grace === undefined && batch === undefined) return asUsual
  }
  return {
    mode: control === undefined ? defaultMode : readMode(control),
    tags: tags === undefined ? [] : readTags(String(tags)),
    ...(ttl === undefined ? {} : { ttlMs: readDuration('x-reprise-ttl', ttl) }),
    ...(revalidate === undefined
      ? {}
      : { staleWhileRevalidateMs: readDuration('x-reprise-stale-while-revalidate', revalidate) }),
    ...(grace === undefined ? {} : { graceMs: readDuration('x-reprise-grace', grace) }),
    ...(batch === undefined ? {} : { batch: readBatch(String(batch)) }),
    ...(scope === undefined ? {} : { scope: String(scope) })
  }
}

function readBatch(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on'
  throw new RepriseError('invalid-header', `x-reprise-batch: expected on or off, got ${JSON.stringify(text)}`)
}

function readMode(control: string): Mode {
  const directives = new Map(
    control.split(',').map((part) => {
      const [name = '', value = ''] = part.trim().split('=', 2)
      return [name.toLowerCase(), value.replace(/^"|"$/g, '')]
    })
  )
  const maxAge = seconds(directives.get('max-age'))
  // `max-stale` without a value: however stale.
  const maxStale = directives.get('max-stale') === '' ? Number.MAX_SAFE_INTEGER : seconds(directives.get('max-stale'))
  return {
    ...(directives.has('no-store') ? { noStore: true } : {}),
    ...(directives.has('no-cache') ? { noCache: true } : {}),
    ...(directives.has('only-if-cached') ? { onlyIfCached: true } : {}),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
    ...(maxStale === undefined ? {} : { maxStaleMs: maxStale })
  }
}

function seconds(value: string | undefined): number | undefined {
  return value === undefined || !/^\d{1,10}$/.test(value) ? undefined : Number(value) * 1000
}

function readTags(text: string): string[] {
  const tags = [...new Set(text.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '')
  const tooLong = tags.find((tag) => tag.length > longestTag)
  if (tooLong !== undefined) {
    throw new RepriseError(
      'invalid-header',
      `x-reprise-tags: expected tags of at most ${longestTag} characters, got one of ${tooLong.length}`
    )
  }
  if (tags.length > mostTags) {
    throw new RepriseError('invalid-header', `x-reprise-tags: expected at most ${mostTags} tags, got ${tags.length}`)
  }
  return tags
}

function readDuration(name: string, value: string | readonly string[]): number {
  try {
    return parseDuration(String(value), name)
  } catch (error) {
    throw new RepriseError('invalid-header', messageOf(error))
  }
}
