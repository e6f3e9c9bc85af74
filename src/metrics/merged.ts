import { latestOf } from './near-misses.ts'
import type { Snapshot, TopEntry } from './snapshot.ts'
import { byValue } from './top-entries.ts'

export { snapshotOf } from './snapshot-of.ts'

/**
 * The sum of snapshots. It does not matter in which order they are added up, nor whether some of them are sums
 * themselves; of entries, models and tags all are kept, so that none loses what another process has counted for it.
 */
export function merged(snapshots: readonly Snapshot[]): Snapshot {
  const sinceMs = snapshots.filter(({ processes }) => processes > 0).map((snapshot) => snapshot.sinceMs)
  return {
    ...sumOf([nothing, ...snapshots.map(countsOf)]),
    version: 1,
    sinceMs: sinceMs.length === 0 ? 0 : Math.min(...sinceMs),
    atMs: Math.max(0, ...snapshots.map(({ atMs }) => atMs)),
    top: sumOfEntries(snapshots.flatMap(({ top }) => top)),
    nearMisses: latestOf(snapshots.flatMap(({ nearMisses }) => nearMisses))
  }
}

/** What of a snapshot is numbers and nothing else, and means their sum where there are several. */
type Counts = Omit<Snapshot, 'version' | 'sinceMs' | 'atMs' | 'top' | 'nearMisses'>

const nothing: Counts = {
  processes: 0,
  layers: {},
  kinds: {},
  models: {},
  tags: {},
  providers: {},
  targets: {},
  failures: {},
  refreshes: { ok: 0, failed: 0 },
  batches: { sizes: { counts: [], sum: 0 }, requests: 0 }
}

function countsOf({ version, sinceMs, atMs, top, nearMisses, ...counts }: Snapshot): Counts {
  return counts
}

/** Of an entry's processes one knows its kind and model as well as the other: both are part of its key. */
function sumOfEntries(entries: readonly TopEntry[]): readonly TopEntry[] {
  const byKey = grouped(entries.map((entry) => [entry.key, entry]))
  return Array.from(byKey, ([key, [first, ...others]]) => ({
    ...first,
    key,
    hits: sumOf([first, ...others].map(({ hits }) => hits)),
    savedUsd: sumOf([first, ...others].map(({ savedUsd }) => savedUsd)),
    savedMs: sumOf([first, ...others].map(({ savedMs }) => savedMs)),
    lastHitAtMs: Math.max(first.lastHitAtMs, ...others.map(({ lastHitAtMs }) => lastHitAtMs))
  })).sort(byValue)
}

/** Adds up numbers, lists of them place by place, and records of either name by name. What one lacks counts nothing. */
export function sumOf<Tree>(trees: readonly Tree[]): Tree {
  return added(trees) as Tree
}

function added(trees: readonly unknown[]): unknown {
  if (trees.length === 1) return trees[0]
  if (areNumbers(trees)) return trees.reduce((sum, tree) => sum + tree, 0)
  if (areLists(trees)) {
    const length = Math.max(...trees.map((list) => list.length))
    return Array.from({ length }, (_, place) => added(trees.map((list) => list[place] ?? 0)))
  }
  const fields = grouped(trees.flatMap((tree) => Object.entries(tree as object)))
  // Not by assignment: something may be named `__proto__`.
  return Object.fromEntries(Array.from(fields, ([name, found]) => [name, added(found)]))
}

function areNumbers(trees: readonly unknown[]): trees is readonly number[] {
  return typeof trees[0] === 'number'
}

function areLists(trees: readonly unknown[]): trees is readonly (readonly number[])[] {
  return Array.isArray(trees[0])
}

type AtLeastOne<Item> = [Item, ...Item[]]

function grouped<Item>(named: readonly (readonly [string, Item])[]): Map<string, AtLeastOne<Item>> {
  const groups = new Map<string, AtLeastOne<Item>>()
  for (const [name, item] of named) {
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [item])
    else group.push(item)
  }
  return groups
}
