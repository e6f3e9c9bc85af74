import { createHash } from 'node:crypto'
import { isObject, type Json } from '../../core/json.ts'

/** Numbers in [0, 1), always the same for the same seed. */
export type Random = () => number

/** The SHA-256 of a JSON value, in hexadecimal; the order of an object's fields does not matter. */
export function hashOf(value: Json): string {
  return createHash('sha256').update(ordered(value)).digest('hex')
}

/** A generator of numbers that follow from `seed` (a small fast counter generator over 128 bits of state). */
export function seeded(seed: string): Random {
  const state = createHash('sha256').update(seed).digest()
  let a = state.readUInt32LE(0)
  let b = state.readUInt32LE(4)
  let c = state.readUInt32LE(8)
  let counter = state.readUInt32LE(12)
  return () => {
    const sum = (a + b + counter) >>> 0
    counter = (counter + 1) >>> 0
    a = (b ^ (b >>> 9)) >>> 0
    b = (c + (c << 3)) >>> 0
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0
    return sum / 2 ** 32
  }
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1))
}

/** One of the items, of which there must be at least one. */
export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new RangeError('expected at least one item')
  return item
}

/** The items in another order. */
export function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const places = items.map((item) => ({ item, place: random() }))
  return places.sort((left, right) => left.place - right.place).map(({ item }) => item)
}

function ordered(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(ordered).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const fields = Object.keys(value).sort()
  return `{${fields.map((field) => `${JSON.stringify(field)}:${ordered(value[field] ?? null)}`).join(',')}}`
}
