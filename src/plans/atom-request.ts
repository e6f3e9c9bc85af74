import { hash } from 'node:crypto'
import { isObject, type Json } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import type { Atom, AtomRequest, Plan, Templated } from './plan.ts'
import { Template } from './template.ts'

/**
 * The atom as it is asked in a wave, counted from 1, with the answers that it needs in their places.
 */
export function atomRequest(
  { id, sharing }: Plan,
  atom: Atom,
  wave: number,
  batch: boolean,
  answerOf: (atom: string) => string
): AtomRequest {
  const { path, body, tags, ttl } = atom
  const plan = `masterplan:${id}`
  const filled = withAnswers(body, answerOf)
  return {
    atom: atom.id,
    path,
    body: isObject(filled) ? filled : {},
    tags: [plan, `wave:${wave}`, ...tags],
    ...(ttl === undefined ? {} : { ttl }),
    ...(sharing === 'isolated' ? { scope: plan } : {}),
    batch
  }
}

/** SHA-256, in hexadecimal, of all that an atom's answer depends on. */
export function requestHash({ path, body, scope }: AtomRequest): string {
  return hash('sha256', canonical([path, body, scope ?? null]), 'hex')
}

function withAnswers(value: Templated, answerOf: (atom: string) => string): Json {
  if (value instanceof Template) return value.filled(answerOf)
  if (Array.isArray(value)) return value.map((each: Templated) => withAnswers(each, answerOf))
  if (typeof value !== 'object' || value === null) return value as Json
  return Object.fromEntries(
    Object.entries(value).map(([name, each]): [string, Json] => [name, withAnswers(each as Templated, answerOf)])
  )
}
