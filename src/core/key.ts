import { hash } from 'node:crypto'
import { configure } from 'safe-stable-stringify'
import type { Json } from './json.ts'
import type { Kind, KnownKey } from './kind.ts'

// Two values share a text only when they are equal JSON; a cycle or a BigInt is an error and not a text.
const stringify = configure({ circularValue: Error, strict: true })

/**
 * The canonical text of a JSON value: object fields in order, no white space (as RFC 8785).
 * Throws a RangeError for a value nested too deep to walk.
 */
export function canonical(value: Json): string {
  return stringify(value) ?? 'null'
}

/**
 * The key of a request: `kind:model:hash`, the hash being the full SHA-256 over scope, kind and identity.
 * The readable parts serve invalidation by prefix; only the hash tells requests apart.
 */
export function keyOf<Request extends object>(
  kind: Identifying<Request>,
  request: Request,
  scope: readonly string[]
): string {
  const subject = kind.subject?.(request)
  const known = subject === undefined ? keysOfRequests.get(request) : subject.knownKey
  if (known !== undefined && known.kind === kind.name && sameScope(known.scope, scope)) return known.key
  const text = canonical([scope, kind.name, kind.identity(request)])
  const key = `${kind.name}:${readable(kind.model(request) ?? '')}:${hash('sha256', text, 'hex')}`
  const made = { kind: kind.name, scope, key }
  if (subject === undefined) keysOfRequests.set(request, made)
  else subject.knownKey = made
  return key
}

/**
 * Where a request may be compared by meaning: `kind:model:hash`, the hash being over all that must be the same. Begins
 * like the keys of the entries in it.
 */
export function partitionOf<Request extends object>(
  kind: Identifying<Request>,
  request: Request,
  within: Json,
  scope: readonly string[]
): string {
  const text = canonical([scope, kind.name, within])
  return `${kind.name}:${readable(kind.model(request) ?? '')}:${hash('sha256', text, 'hex')}`
}

/** The kind of what is stored under a key. */
export function kindOfKey(key: string): string {
  const colon = key.indexOf(':')
  return colon === -1 ? key : key.slice(0, colon)
}

/** What the keys of a kind's entries for a model begin with. */
export function modelPrefix(kind: string, model: string): string {
  return `${kind}:${readable(model)}:`
}

/** The part of a kind that a key is made with. */
export type Identifying<Request> = Pick<Kind<Request, unknown>, 'name' | 'identity' | 'subject' | 'model'>

/** More than one layer asks for a request's key. */
const keysOfRequests = new WeakMap<object, KnownKey>()

/** Whether two scopes share their answers. */
export function sameScope(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** A model's name in a form that is safe within any store's keys. */
function readable(model: string): string {
  return model.replace(/[^\w.@/-]/g, '_').slice(0, 64)
}
