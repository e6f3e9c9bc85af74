import { isObject } from '../core/json.ts'

/**
 * What was switched at run time, and when. Names that are not known here stay in it: another version's processes may
 * know them.
 */
export interface SwitchRecord {
  readonly [name: string]: { readonly on: boolean; readonly atMs: number }
}

/** All that either knows, of each switch the later; of two at the same time the one that is off. */
export function merge(one: SwitchRecord, other: SwitchRecord): SwitchRecord {
  const merged: Record<string, SwitchRecord[string]> = { ...one }
  for (const [name, its] of Object.entries(other)) if (isLater(its, one[name])) merged[name] = its
  return merged
}

/** Whether `whole` knows of a switch what `part` does not. */
export function lacks(part: SwitchRecord, whole: SwitchRecord): boolean {
  return Object.entries(whole).some(([name, its]) => isLater(its, part[name]))
}

/** A record as bytes for a store. */
export function encodeRecord(record: SwitchRecord): Buffer {
  return Buffer.from(JSON.stringify(record))
}

/** The record in `bytes`; undefined when they are none. */
export function decodeRecord(bytes: Uint8Array): SwitchRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const isWhole = Object.values(value).every(
    (its) => isObject(its) && typeof its['on'] === 'boolean' && Number.isSafeInteger(its['atMs'])
  )
  return isWhole ? (value as unknown as SwitchRecord) : undefined
}

function isLater(its: SwitchRecord[string], other: SwitchRecord[string] | undefined): boolean {
  if (other === undefined || its.atMs !== other.atMs) return other === undefined || its.atMs > other.atMs
  return other.on && !its.on
}
