import { RepriseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { brace, closingBrace, membersOf, skipSpaces } from './members.ts'

/**
 * The JSON text of an object with one of its fields set, and every other byte as it was: spaces, the order of fields,
 * numbers that a double cannot hold. A field that is written more than once is set in all places, one that is absent is
 * added in front. `raw` has to be valid JSON in UTF-8.
 * @throws RepriseError `invalid-body` when it is not an object
 */
export function setField(raw: Buffer, field: string, value: Json): Buffer {
  const open = skipSpaces(raw, 0)
  if (raw[open] !== brace) {
    throw new RepriseError('invalid-body', `cannot set ${field}: the body must be a JSON object, got another value`)
  }
  const text = Buffer.from(JSON.stringify(value))
  const values = membersOf(raw, open).filter(({ name }) => name === field)
  if (values.length === 0) {
    const comma = raw[skipSpaces(raw, open + 1)] === closingBrace ? '' : ','
    const added = [Buffer.from(`${JSON.stringify(field)}:`), text, Buffer.from(comma)]
    return Buffer.concat([raw.subarray(0, open + 1), ...added, raw.subarray(open + 1)])
  }
  const parts: Buffer[] = []
  let kept = 0
  for (const { start, end } of values) {
    parts.push(raw.subarray(kept, start), text)
    kept = end
  }
  return Buffer.concat([...parts, raw.subarray(kept)])
}
