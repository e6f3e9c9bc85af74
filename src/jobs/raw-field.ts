import { RepriseError } from '../core/errors.ts'
import { setField } from '../wires/set-field.ts'

/**
 * The bytes of a field's value as they were written, in the JSON text of an object that has this field: reading and
 * writing it again would round numbers that a double cannot hold.
 * @throws RepriseError `invalid-body` when it is not there, or more than once, and nobody can say which is meant
 */
export function rawField(raw: Buffer, field: string): Buffer {
  // Two texts that differ in nothing but the field's value, which is one byte long in both: there it stands.
  const zero = setField(raw, field, 0)
  const one = setField(raw, field, 1)
  const start = differenceFrom(zero, one, 0)
  const length = raw.length - zero.length + 1
  const isSeveral = differenceFrom(zero, one, start + 1) !== -1
  if (length > 0 && !isSeveral) return raw.subarray(start, start + length)
  throw new RepriseError(
    'invalid-body',
    `expected the field ${field} once, got it ${isSeveral ? 'several times' : 'not at all'}`,
    {
      field
    }
  )
}

function differenceFrom(a: Buffer, b: Buffer, from: number): number {
  for (let at = from; at < a.length; at++) if (a[at] !== b[at]) return at
  return -1
}
