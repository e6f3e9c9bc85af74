import type { Wanted } from '../cache/inventory.ts'
import type { Cache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import type { Entry } from '../stores/entry.ts'
import type { AdminRoute } from './administration.ts'
import { writeJson } from './write-json.ts'

const filters = ['tag', 'kind', 'model', 'prefix', 'text'] as const
const mostListed = 500
/** As much of an answer as a list bears, in UTF-16 units. */
const excerptLength = 300

/** `GET /cache/entries?tag=&kind=&model=&prefix=&text=&limit=`, the latest first, and `GET /cache/entries/{key}`. */
export function entries({ inventory }: Pick<Cache, 'inventory'>): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: /^\/cache\/entries$/,
      usage: 'GET /cache/entries',
      async answer({ query, response }) {
        const { entries: found, looked, truncated } = await inventory.list(wantedBy(query))
        writeJson(response, 200, { entries: found.map(shown), looked, truncated })
      }
    },
    {
      method: 'GET',
      path: /^\/cache\/entries\/(.+)$/,
      usage: 'GET /cache/entries/{key}',
      async answer({ caught: [key = ''], response }) {
        const entry = await inventory.get(key)
        if (entry === undefined) throw new RepriseError('not-found', `no entry under ${JSON.stringify(key)}`)
        writeJson(response, 200, { ...shown(entry), body: bodyOf(entry) })
      }
    }
  ]
}

function wantedBy(query: URLSearchParams): Wanted {
  const unknown = [...query.keys()].find((name) => name !== 'limit' && !filters.some((known) => known === name))
  if (unknown !== undefined) {
    const reason = `expected ${filters.join(', ')} or limit, got ${JSON.stringify(unknown)}`
    throw new RepriseError('invalid-body', reason, { field: unknown })
  }
  const wanted: Record<string, string | number> = { limit: limitOf(query.get('limit') ?? '50') }
  for (const name of filters) {
    const value = query.get(name)
    if (value !== null && value !== '') wanted[name] = value
  }
  return wanted
}

function limitOf(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostListed) return limit
  const reason = `limit: expected a whole number from 1 to ${mostListed}, got ${JSON.stringify(text)}`
  throw new RepriseError('invalid-body', reason, { field: 'limit' })
}

function shown(entry: Entry): object {
  const { key, kind, model, provider, tags, usage, costUsd, tookMs, text, storedAtMs, freshUntilMs, expiresAtMs } =
    entry
  return {
    key,
    kind,
    model: model ?? null,
    provider: provider ?? null,
    tags,
    storedAt: isoOf(storedAtMs),
    freshUntil: isoOf(freshUntilMs),
    expiresAt: isoOf(expiresAtMs),
    state: Date.now() < freshUntilMs ? 'fresh' : 'stale',
    bytes: entry.body.length,
    costUsd: costUsd ?? null,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    tookMs: tookMs ?? null,
    text: text ?? null,
    answer: excerptOf(entry)
  }
}

/** Null for a time beyond what a date can say. */
function isoOf(ms: number): string | null {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null
}

/** What was answered: JSON where it is, else text. */
function bodyOf({ body }: Entry): unknown {
  const text = Buffer.from(body).toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The beginning of what an answer says, wherever its dialect keeps that; of all of it, where none does. */
function excerptOf(entry: Entry): string {
  const texts = saidIn(bodyOf(entry))
  const text = texts.length > 0 ? texts.join(' ') : Buffer.from(entry.body).toString()
  return text.slice(0, excerptLength)
}

/** Texts under the names that the dialects give to what is said, in their order, as far as an excerpt needs them. */
function saidIn(body: unknown): readonly string[] {
  const texts: string[] = []
  let length = 0
  // What is still to be looked at, the next last: answers may be nested deeper than calls can be.
  const left: (readonly [name: string, value: unknown])[] = [['', body]]
  for (let next = left.pop(); next !== undefined && length <= excerptLength; next = left.pop()) {
    const [name, value] = next
    if (typeof value === 'string' && said.has(name)) {
      texts.push(value)
      length += value.length + 1
    } else if (Array.isArray(value)) {
      for (const one of value.toReversed()) left.push(['', one])
    } else if (isObject(value)) {
      for (const named of Object.entries(value).toReversed()) left.push(named)
    }
  }
  return texts
}

const said: ReadonlySet<string> = new Set(['content', 'text', 'refusal', 'arguments'])
