import type { Outcome } from './ask.ts'

/** What it came to, as a small table. */
export function report(outcomes: readonly Outcome[], providerCalls: number): string {
  const layers = new Map<string, Outcome[]>()
  for (const outcome of outcomes) layers.set(outcome.layer, [...(layers.get(outcome.layer) ?? []), outcome])
  const hits = layers.get('exact') ?? []
  const saved = outcomes.reduce((sum, { savedUsd }) => sum + savedUsd, 0)
  const rows = [
    ['', 'requests', 'share', 'p50', 'p95'],
    row('exact hits', hits, outcomes.length),
    ...(layers.has('shared') ? [row('shared a call under way', layers.get('shared') ?? [], outcomes.length)] : []),
    row('asked the provider', layers.get('provider') ?? [], outcomes.length),
    row('all', outcomes, outcomes.length)
  ]
  const table = rows
    .map((cells) => cells.map((cell, column) => (column === 0 ? cell.padEnd(26) : cell.padStart(11))).join(''))
    .join('\n')
  return `
${table}

  provider calls  ${providerCalls} for ${outcomes.length} requests
  saved           $${saved.toFixed(4)} by what was not asked again, at list prices
`
}

function row(name: string, outcomes: readonly Outcome[], total: number): string[] {
  const sorted = outcomes.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  const at = (share: number): string =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)} ms`
  return [name, String(outcomes.length), `${((100 * outcomes.length) / total).toFixed(0)} %`, at(0.5), at(0.95)]
}
