/** When a budget begins anew: never, at midnight, or on the first of the month (UTC). */
export type BudgetPeriod = 'total' | 'day' | 'month'

export interface CurrentPeriod {
  /** `total`, `2026-11-21` or `2026-11`. */
  readonly name: string
  /** When the next one begins, in milliseconds since 1970; undefined: never. */
  readonly endsAtMs: number | undefined
}

/** The period that a moment falls into. */
export function periodAt(period: BudgetPeriod, nowMs: number): CurrentPeriod {
  if (period === 'total') return { name: period, endsAtMs: undefined }
  const now = new Date(nowMs)
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()]
  return period === 'day'
    ? { name: now.toISOString().slice(0, 10), endsAtMs: Date.UTC(year, month, day + 1) }
    : { name: now.toISOString().slice(0, 7), endsAtMs: Date.UTC(year, month + 1) }
}
