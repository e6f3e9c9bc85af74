import { RepriseError } from './errors.ts'

/** A hundred years stand for ever, in milliseconds: every store takes them, and sums with the clock stay exact. */
export const foreverMs = 3_155_760_000_000

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const unitBytes: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 }

/**
 * Reads a duration: `250ms`, `30s`, `5m`, `24h`, `7d`, or a number of seconds.
 * @throws RepriseError `invalid-option`
 */
export function parseDuration(text: string | number, name = 'duration'): number {
  return parseQuantity(text, name, unitMs, 1000, 'a duration such as 30s, 5m, 24h or 7d, or a number of seconds')
}

/**
 * Reads a size: `512kb`, `64mb`, `2gb`, or a number of bytes.
 * @throws RepriseError `invalid-option`
 */
export function parseBytes(text: string | number, name = 'size'): number {
  return parseQuantity(text, name, unitBytes, 1, 'a size such as 512kb, 64mb or 2gb, or a number of bytes')
}

function parseQuantity(
  text: string | number,
  name: string,
  units: Readonly<Record<string, number>>,
  bare: number,
  expected: string
): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(text).trim())
  const unit = match?.[2] === '' ? bare : units[match?.[2]?.toLowerCase() ?? '']
  const amount = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit
  if (!Number.isSafeInteger(Math.round(amount))) {
    throw new RepriseError('invalid-option', `${name}: expected ${expected}, got ${JSON.stringify(text)}`)
  }
  return Math.round(amount)
}
