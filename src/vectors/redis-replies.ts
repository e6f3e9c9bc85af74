import { RepriseError } from '../core/errors.ts'

/** An element of a vector set, and what the server gives it: (1 + cosine) / 2. */
export interface Scored {
  readonly id: string
  readonly score: number
}

/**
 * The reply to `VSIM ... WITHSCORES`. In RESP2 it is a flat list; in RESP3 a map, which clients hand over as a Map, as
 * an object, as a list of pairs or as a flat list. In an object numbers would come first, whatever their order was:
 * ids begin with a letter, and whoever wants an order makes it.
 * @throws RepriseError `store-unavailable` for what is none of these
 */
export function scoredOf(reply: unknown): readonly Scored[] {
  return pairsOf(reply).map(([id, score]) => ({ id: textOf(id, 'VSIM'), score: numberOf(score, 'VSIM') }))
}

function pairsOf(reply: unknown): readonly (readonly unknown[])[] {
  if (reply instanceof Map) return [...reply]
  if (!Array.isArray(reply)) {
    if (typeof reply === 'object' && reply !== null) return Object.entries(reply)
    throw nonsense('VSIM', reply)
  }
  if (reply.every((pair) => Array.isArray(pair))) return reply
  if (reply.length % 2 !== 0) throw nonsense('VSIM', reply)
  return reply.flatMap((id, index) => (index % 2 === 0 ? [[id, reply[index + 1]]] : []))
}

/** A reply of `length` numbers, each of which may be missing. */
export function numbersOf(reply: unknown, length: number, command: string): readonly (number | undefined)[] {
  if (!Array.isArray(reply) || reply.length !== length) throw nonsense(command, reply)
  return reply.map((item) => (item === null || item === undefined ? undefined : numberOf(item, command)))
}

/** A number, be it one in RESP3 or a text in RESP2. */
export function numberOf(item: unknown, command: string): number {
  const number = typeof item === 'number' ? item : Number(textOf(item, command))
  if (Number.isNaN(number)) throw nonsense(command, item)
  return number
}

function textOf(item: unknown, command: string): string {
  if (typeof item === 'string') return item
  if (item instanceof Uint8Array) return Buffer.from(item.buffer, item.byteOffset, item.byteLength).toString()
  throw nonsense(command, item)
}

function nonsense(command: string, reply: unknown): RepriseError {
  const kind = Array.isArray(reply) ? `a list of ${reply.length}` : typeof reply
  return new RepriseError('store-unavailable', `vectors: Redis answers what it should not to ${command}: ${kind}`)
}
