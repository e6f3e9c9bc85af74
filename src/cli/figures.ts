/** A count and its noun. */
export function plural(count: number, one: string, several: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : several}`
}

/** US dollars with as many digits as say something. */
export function dollars(usd: number): string {
  // Sums of parts leave traces.
  if (usd < 5e-9) return '$0'
  return `$${usd >= 0.1 ? usd.toFixed(2) : usd >= 0.001 ? usd.toFixed(4) : usd.toFixed(8).replace(/0+$/, '')}`
}
