/** Figures as people read them, the same on every machine. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** What stands where there is nothing to say. */
export const nothing = '–'

type Maybe = number | null | undefined

function known(value: Maybe): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** `12,345` */
export function count(value: Maybe): string {
  return known(value) ? whole.format(value) : nothing
}

/** `123,456` below a million, `1.2M` beyond. */
export function compact(value: Maybe): string {
  if (!known(value)) return nothing
  return Math.abs(value) < 1_000_000 ? whole.format(value) : short.format(value)
}

/** `64.2 %`; of a share. */
export function percent(share: Maybe, digits = 1): string {
  return known(share) ? `${(share * 100).toFixed(digits)} %` : nothing
}

/** `$0.0042`, `$12.34`, `$12,345` */
export function dollars(value: Maybe): string {
  if (!known(value)) return nothing
  const size = Math.abs(value)
  const digits = size >= 1000 ? 0 : size >= 0.1 || size === 0 ? 2 : size >= 0.001 ? 4 : 6
  return `${value < 0 ? '-' : ''}$${size.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`
}

/** `0.42 ms`, `12 ms`, `1.24 s`, `2 min 5 s` */
export function millis(value: Maybe): string {
  if (!known(value)) return nothing
  if (value < 10) return `${value.toFixed(value < 1 ? 2 : 1)} ms`
  if (value < 1000) return `${value.toFixed(0)} ms`
  if (value < 60_000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`
  return span(value / 1000)
}

/** `12 s`, `3 min 20 s`, `5 h 12 min`, `4 d 3 h`; of seconds. */
export function span(seconds: Maybe): string {
  if (!known(seconds)) return nothing
  const size = Math.max(0, seconds)
  if (size < 10) return `${Number(size.toFixed(1))} s`
  const rounded = Math.round(size)
  if (rounded < 60) return `${rounded} s`
  const [big, bigUnit, small, smallUnit] =
    rounded < 3600
      ? [Math.floor(rounded / 60), 'min', rounded % 60, 's']
      : rounded < 86_400
        ? [Math.floor(rounded / 3600), 'h', Math.floor((rounded % 3600) / 60), 'min']
        : [Math.floor(rounded / 86_400), 'd', Math.floor((rounded % 86_400) / 3600), 'h']
  return small === 0 ? `${whole.format(big)} ${bigUnit}` : `${whole.format(big)} ${bigUnit} ${small} ${smallUnit}`
}

/** `812 B`, `12.4 kB`, `1.8 GB` */
export function bytes(value: Maybe): string {
  if (!known(value)) return nothing
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${size >= 100 || unit === 0 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`
}

/** `12 s ago`, `in 4 min`; of an instant, in milliseconds or as ISO text. */
export function relative(instant: number | string | null | undefined, nowMs = Date.now()): string {
  const atMs = typeof instant === 'string' ? Date.parse(instant) : instant
  if (!known(atMs)) return nothing
  const seconds = (nowMs - atMs) / 1000
  if (Math.abs(seconds) < 1.5) return 'now'
  return seconds > 0 ? `${coarse(seconds)} ago` : `in ${coarse(-seconds)}`
}

/** Seconds in the larger unit alone. */
export function coarse(seconds: number): string {
  return span(seconds < 60 ? Math.round(seconds) : seconds)
    .split(' ')
    .slice(0, 2)
    .join(' ')
}

/** `14:05`, by the reader's clock. */
export function clock(atMs: number): string {
  const at = new Date(atMs)
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`
}

/** `2026-03-01 14:05`, by the reader's clock. */
export function moment(instant: number | string | null | undefined): string {
  const at = new Date(instant ?? Number.NaN)
  if (Number.isNaN(at.getTime())) return nothing
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
  return `${day} ${clock(at.getTime())}`
}
