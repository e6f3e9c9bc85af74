import { membersOf, skipSpaces } from './members.ts'

/**
 * The JSON text of an object without one of its fields, however often it is written, and every other field as it was,
 * byte for byte. A field goes with the comma behind it and the spaces up to the next; where none follows that stays,
 * with the comma before it. `raw` has to be a JSON object in UTF-8.
 */
export function withoutField(raw: Buffer, field: string): Buffer {
  const members = membersOf(raw, skipSpaces(raw, 0))
  const lastKept = members.findLastIndex(({ name }) => name !== field)
  const parts: Buffer[] = []
  let kept = 0
  for (const [index, { name, from, end }] of members.entries()) {
    if (name !== field) continue
    const isLast = index > lastKept
    parts.push(raw.subarray(kept, isLast ? (members[lastKept]?.end ?? from) : from))
    kept = (isLast ? members.at(-1)?.end : members[index + 1]?.from) ?? end
    if (isLast) break
  }
  return parts.length === 0 ? raw : Buffer.concat([...parts, raw.subarray(kept)])
}
