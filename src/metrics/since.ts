import { isObject } from '../core/json.ts'
import type { GroupCounts, Snapshot, TopEntry } from './snapshot.ts'

/**
 * What has been counted after `base`, an earlier snapshot of the same process: merged with it, it is the later one.
 * Of no process more than `base` is.
 */
export function since(snapshot: Snapshot, base: Snapshot): Snapshot {
  const { top, nearMisses, tags, ...counted } = snapshot
  const known = new Set(base.nearMisses.map((nearMiss) => JSON.stringify(nearMiss)))
  return {
    // What is not counted stands below; all else are numbers, and records and lists of them.
    ...(minus(counted, base) as Omit<Snapshot, 'top' | 'nearMisses' | 'tags'>),
    version: snapshot.version,
    sinceMs: base.atMs,
    atMs: snapshot.atMs,
    tags: Object.fromEntries(
      Object.entries(tags).flatMap(([tag, counts]) =>
        groupSince(counts, own(base.tags, tag)).map((rest) => [tag, rest])
      )
    ),
    top: top.flatMap((entry) =>
      entrySince(
        entry,
        base.top.find(({ key }) => key === entry.key)
      )
    ),
    nearMisses: nearMisses.filter((nearMiss) => !known.has(JSON.stringify(nearMiss)))
  }
}

/** Numbers only grow. Of money a rest may come out below nothing, by how numbers are kept. */
function minus(now: unknown, before: unknown): unknown {
  if (typeof now === 'number') return typeof before === 'number' ? Math.max(0, now - before) : now
  if (Array.isArray(now)) return Array.isArray(before) ? now.map((each, place) => minus(each, before[place])) : now
  if (!isObject(now) || !isObject(before)) return now
  return Object.fromEntries(Object.entries(now).map(([name, each]) => [name, minus(each, own(before, name))]))
}

/** A tag that was forgotten meanwhile has been counted from nothing again. */
function groupSince(now: GroupCounts, before: GroupCounts | undefined): GroupCounts[] {
  if (before === undefined || before.requests > now.requests) return [now]
  return before.requests === now.requests ? [] : [minus(now, before) as GroupCounts]
}

function entrySince(now: TopEntry, before: TopEntry | undefined): TopEntry[] {
  if (before === undefined || before.hits > now.hits) return [now]
  if (before.hits === now.hits) return []
  const { hits, savedUsd, savedMs } = before
  return [
    {
      ...now,
      hits: now.hits - hits,
      savedUsd: Math.max(0, now.savedUsd - savedUsd),
      savedMs: Math.max(0, now.savedMs - savedMs)
    }
  ]
}

/** A caller may have named something `constructor`. */
function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}
