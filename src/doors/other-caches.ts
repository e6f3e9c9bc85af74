import type { IncomingHttpHeaders } from 'node:http'
import { parseDuration } from '../core/duration.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'

/** Caches whose callers are understood here, so that they can move by changing their base URL. */
export type OtherCache = 'portkey' | 'helicone' | 'cloudflare' | 'litellm'

/**
 * What a request asks for in the words of one of them: only what makes the cache more careful. Nothing of theirs can
 * widen a scope, lower a guard, or name the key an answer is found by; docs/moving-in.md says what becomes of each word.
 */
export interface Wish {
  readonly of: OtherCache
  readonly noStore: boolean
  readonly noCache: boolean
  readonly exactOnly: boolean
  readonly maxAgeMs: number | undefined
  readonly ttlMs: number | undefined
  /** A narrower scope within the caller's own. */
  readonly scope: string | undefined
}

/** What the headers ask for; undefined when they speak nobody else's words, as almost always. */
export function wishesOf(headers: IncomingHttpHeaders): readonly Wish[] | undefined {
  if (!maySpeak(headers)) return undefined
  const names = Object.keys(headers)
  const wishes = [
    ...(names.some((name) => name.startsWith('x-portkey-')) ? [wishToPortkey(headers)] : []),
    ...(names.some((name) => name.startsWith('helicone-')) ? [wishToHelicone(headers)] : []),
    ...(names.some((name) => name.startsWith('cf-aig-') || olderNames.has(name)) ? [wishToCloudflare(headers)] : [])
  ]
  return wishes.length === 0 ? undefined : wishes
}

/** The names that Cloudflare's headers had before, and are still understood by. */
const olderNames: ReadonlySet<string> = new Set(['cf-skip-cache', 'cf-cache-ttl'])

/** Whether a name begins with `x-p`, `he` or `cf`. Every request comes by here, so that a letter or two have to do. */
function maySpeak(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) {
    const first = name.charCodeAt(0)
    if (first === letterX ? name.charCodeAt(2) === letterP : first === letterC && name.charCodeAt(1) === letterF) {
      return true
    }
    if (first === letterH && name.charCodeAt(1) === letterE) return true
  }
  return false
}

const letterC = 0x63
const letterE = 0x65
const letterF = 0x66
const letterH = 0x68
const letterP = 0x70
const letterX = 0x78

/** What the field `cache` of a body asks for, as LiteLLM's callers write it. */
export function wishOfBody(cache: JsonObject): Wish {
  return {
    of: 'litellm',
    // Elsewhere its answer would still be looked up, or only with `use-cache`: here the more careful is meant.
    noStore: isTrue(cache['no-store']) || isFalse(cache['use-cache']),
    noCache: isTrue(cache['no-cache']),
    exactOnly: false,
    maxAgeMs: least(seconds(cache['s-maxage']), seconds(cache['s-max-age'])),
    ttlMs: seconds(cache['ttl']),
    scope: named('litellm', cache['namespace'])
  }
}

/** A config without what is asked of the cache, as its provider may see it; undefined when nothing else is in it. */
export function configWithoutCache(config: string): string | undefined {
  const json = configOf(config)
  if (json?.['cache'] === undefined) return config
  const { cache: _ours, ...rest } = json
  return Object.keys(rest).length === 0 ? undefined : JSON.stringify(rest)
}

function wishToPortkey(headers: IncomingHttpHeaders): Wish {
  // As a name alone it is a cache's mode too.
  const cache = configOf(headers['x-portkey-config'])?.['cache']
  const own = isObject(cache) ? cache : { mode: cache ?? null }
  return {
    of: 'portkey',
    noStore: isFalse(headers['x-portkey-debug']),
    noCache: isTrue(headers['x-portkey-cache-force-refresh']),
    exactOnly: own['mode'] === 'simple' || headers['x-portkey-cache'] === 'simple',
    maxAgeMs: undefined,
    ttlMs: seconds(own['max_age']),
    scope: named('portkey', headers['x-portkey-cache-namespace'])
  }
}

/** A config that is written out. One that is only named is Portkey's to know. */
function configOf(value: string | readonly string[] | undefined): JsonObject | undefined {
  if (typeof value !== 'string' || !value.trimStart().startsWith('{')) return undefined
  try {
    const config: unknown = JSON.parse(value)
    return isObject(config) ? config : undefined
  } catch {
    return undefined
  }
}

function wishToHelicone(headers: IncomingHttpHeaders): Wish {
  const enabled = headers['helicone-cache-enabled']
  // Where its cache is asked for, `max-age` says how long the answer is kept, too.
  const control = headers['helicone-cache-control'] ?? (isTrue(enabled) ? headers['cache-control'] : undefined)
  return {
    of: 'helicone',
    noStore: isFalse(enabled),
    noCache: false,
    exactOnly: false,
    maxAgeMs: undefined,
    ttlMs: control === undefined ? undefined : maxAgeIn(String(control)),
    scope: named('helicone', headers['helicone-cache-seed'])
  }
}

function wishToCloudflare(headers: IncomingHttpHeaders): Wish {
  return {
    of: 'cloudflare',
    // The older names are still said.
    noStore: isTrue(headers['cf-aig-skip-cache']) || isTrue(headers['cf-skip-cache']),
    noCache: false,
    exactOnly: false,
    maxAgeMs: undefined,
    ttlMs: least(seconds(headers['cf-aig-cache-ttl']), seconds(headers['cf-cache-ttl'])),
    scope: named('cf-aig', headers['cf-aig-cache-key'])
  }
}

type Said = Json | readonly string[] | undefined

function isTrue(value: Said): boolean {
  return String(value).trim().toLowerCase() === 'true'
}

function isFalse(value: Said): boolean {
  return String(value).trim().toLowerCase() === 'false'
}

/** In milliseconds. What cannot be read is not followed: elsewhere the same request is answered. */
function seconds(value: Said): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  try {
    return parseDuration(value)
  } catch {
    return undefined
  }
}

/** The least `max-age` or `s-maxage` of a `Cache-Control`, spaces around `=` or not, in milliseconds. */
function maxAgeIn(control: string): number | undefined {
  const ages = Array.from(control.matchAll(/\b(?:max-age|s-maxage)\s*=\s*"?(\d{1,10})\b/gi), ([, age]) => seconds(age))
  return ages.reduce(least, undefined)
}

/** The same name is another scope in each one's words. */
function named(cache: string, name: Said): string | undefined {
  if (typeof name !== 'number' && (typeof name !== 'string' || name.trim() === '')) return undefined
  return `${cache}:${name}`
}

/** The lesser of two; where there is one only, that one. */
export function least(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}
