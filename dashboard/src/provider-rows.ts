import type { Providers, Statistics } from './api.ts'

/** A provider or one of its targets, as a line of the table. */
export interface ProviderRow {
  readonly name: string
  /** False for a target under its provider. */
  readonly leads: boolean
  readonly state: 'up' | 'left-out' | undefined
  readonly leftOutUntil: string | undefined
  /** Calls; only of the provider as a whole. */
  readonly ok: number | undefined
  readonly failed: number | undefined
  readonly p50Ms: number | null | undefined
  readonly p95Ms: number | null | undefined
  readonly retried: number
  readonly skipped: number
  readonly skippedWhy: string
  readonly fellBack: number
  readonly costUsd: number
  readonly unpriced: number
}

/**
 * Providers with their targets under them. A target is called `provider/model` or like its provider; calls and times are
 * counted by provider, everything else by target. A provider's only target shares its line.
 */
export function providerRows(statistics: Statistics, health: Providers | undefined): ProviderRow[] {
  const providers = new Set([
    ...statistics.providers.map(({ provider }) => provider),
    ...statistics.targets.map(({ target }) => providerOf(target)),
    ...(health?.targets ?? []).map(({ target }) => providerOf(target))
  ])
  return [...providers].flatMap((provider) => {
    const names = new Set(
      [...statistics.targets, ...(health?.targets ?? [])]
        .map(({ target }) => target)
        .filter((target) => providerOf(target) === provider)
    )
    const targets = [...names].map((name) => targetRow(name, statistics, health))
    const calls = statistics.providers.find((one) => one.provider === provider)
    const of = { ok: calls?.ok, failed: calls?.failed, p50Ms: calls?.p50_ms, p95Ms: calls?.p95_ms }
    const [only] = targets
    if (targets.length === 1 && only !== undefined) return [{ ...only, ...of, leads: true }]
    const sum = (of: (row: ProviderRow) => number) => targets.reduce((total, row) => total + of(row), 0)
    const leads: ProviderRow = {
      name: provider,
      leads: true,
      state: stateOf(targets),
      leftOutUntil: undefined,
      ...of,
      retried: sum((row) => row.retried),
      skipped: sum((row) => row.skipped),
      skippedWhy: '',
      fellBack: sum((row) => row.fellBack),
      costUsd: sum((row) => row.costUsd),
      unpriced: sum((row) => row.unpriced)
    }
    return [leads, ...targets]
  })
}

/** Of those that may be left out at all. */
function stateOf(targets: readonly ProviderRow[]): 'up' | undefined {
  const states = targets.flatMap(({ state }) => state ?? [])
  return states.length > 0 && states.every((state) => state === 'up') ? 'up' : undefined
}

function targetRow(name: string, statistics: Statistics, health: Providers | undefined): ProviderRow {
  const counted = statistics.targets.find(({ target }) => target === name)
  const seen = health?.targets.find(({ target }) => target === name)
  const skipped = Object.entries(counted?.skipped ?? {})
  return {
    name,
    leads: false,
    state: seen?.state,
    leftOutUntil: seen?.leftOutUntil ?? undefined,
    ok: undefined,
    failed: undefined,
    p50Ms: undefined,
    p95Ms: undefined,
    retried: counted?.retried ?? 0,
    skipped: skipped.reduce((total, [, times]) => total + times, 0),
    skippedWhy: skipped.map(([why, times]) => `${why}: ${times}`).join('\n'),
    fellBack: counted?.fell_back ?? 0,
    costUsd: counted?.cost_usd ?? 0,
    unpriced: counted?.unpriced ?? 0
  }
}

function providerOf(target: string): string {
  const slash = target.indexOf('/')
  return slash === -1 ? target : target.slice(0, slash)
}
