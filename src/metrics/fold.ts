import { ignore } from '../core/events.ts'
import type { Lease } from '../stores/store.ts'
import type { FleetRecord, FleetRecords, Retired } from './fleet-records.ts'
import { merged } from './merged.ts'
import type { GroupCounts, Snapshot } from './snapshot.ts'

/** A process that has written nothing for so long has ended, or is asleep: it finds out when it writes again. */
export const silentMs = 3_600_000

/** Later than this nobody comes back, or it is told by the number of those forgotten that it might have been folded. */
const mostIds = 1000
/** What is kept of the names that callers choose. */
const mostModels = 1000
const mostTags = 2000
const mostTop = 100

/**
 * Adds up what processes that have ended have counted, in one record, and deletes theirs. Nothing is counted twice or
 * lost, wherever it is interrupted: a record is closed first, and from then on never written again; then the sum is
 * written together with the ids of those that are in it, only over the sum that it was made from; and whoever reads
 * leaves out the records of those ids. What is then still there is deleted now or by the next one.
 * @throws the store's errors
 */
export async function fold(records: FleetRecords, ownId: string, nowMs: number): Promise<void> {
  const lease = await records.lease()
  if (lease === undefined) return
  try {
    await foldUnder(lease, records, ownId, nowMs)
  } finally {
    // If this fails the lease runs out.
    await lease.release().catch(ignore)
  }
}

async function foldUnder(lease: Lease, records: FleetRecords, ownId: string, nowMs: number): Promise<void> {
  const { records: all } = await records.all()
  const retired = await records.retired()
  // It is somebody else's, who may know what to do with it.
  if (retired === 'unreadable') return
  const folded = retired?.folded ?? {}
  const ended: [string, FleetRecord][] = []
  for (const [id, record] of all) {
    if (id === ownId || Object.hasOwn(folded, id)) continue
    if (record.state === 'live' && nowMs - record.writtenAtMs < silentMs) continue
    if (record.state === 'closed' || (await records.close(id, record))) ended.push([id, record])
  }
  if (ended.length > 0) {
    const after = together(retired, ended, all)
    // The lease keeps two from making the first sum; all later ones replace the one that they were made from.
    if (retired === undefined) {
      if (!(await records.holds(lease))) return
      await records.createRetired(after)
    } else if (!(await records.replaceRetired(retired, after))) return
  }
  const gone = [...ended.map(([id]) => id), ...[...all.keys()].filter((id) => Object.hasOwn(folded, id))]
  for (const id of gone) await records.remove(id)
}

function together(
  before: Retired | undefined,
  ended: readonly (readonly [string, FleetRecord])[],
  all: ReadonlyMap<string, FleetRecord>
): Retired {
  const folded = [
    ...Object.entries(before?.folded ?? {}),
    ...ended.map(([id, { number }]): [string, number] => [id, number])
  ]
  // Those whose record is still there must be known, or it would be counted again.
  const kept = folded.filter(([id], place) => place >= folded.length - mostIds || all.has(id))
  const snapshots = ended.map(([, { snapshot }]) => snapshot)
  return {
    revision: (before?.revision ?? 0) + 1,
    folded: Object.fromEntries(kept),
    forgotten: (before?.forgotten ?? 0) + folded.length - kept.length,
    snapshot: bounded(merged(before === undefined ? snapshots : [before.snapshot, ...snapshots]))
  }
}

/** Without bound the names of all processes that ever were would come together. */
function bounded(snapshot: Snapshot): Snapshot {
  const { models, tags, top } = snapshot
  const known = byRequests(models)
  const others = known.slice(mostModels).map(([, counts]) => counts)
  const kept = known.slice(0, mostModels)
  return {
    ...snapshot,
    models: Object.fromEntries(others.length === 0 ? kept : [...kept, ['other', sumOf(others)]]),
    tags: Object.fromEntries(byRequests(tags).slice(0, mostTags)),
    top: top.slice(0, mostTop)
  }
}

/** Those asked for most first, and `other` last, whom it would fall to. */
function byRequests(groups: Readonly<Record<string, GroupCounts>>): [string, GroupCounts][] {
  const rank = ([name, { requests }]: [string, GroupCounts]): number => (name === 'other' ? -1 : requests)
  return Object.entries(groups).sort((one, other) => rank(other) - rank(one))
}

function sumOf(groups: readonly GroupCounts[]): GroupCounts {
  return groups.reduce((sum, each) => ({
    requests: sum.requests + each.requests,
    hits: sum.hits + each.hits,
    misses: sum.misses + each.misses,
    costUsd: sum.costUsd + each.costUsd,
    savedUsd: sum.savedUsd + each.savedUsd,
    savedMs: sum.savedMs + each.savedMs,
    inputTokens: sum.inputTokens + each.inputTokens,
    outputTokens: sum.outputTokens + each.outputTokens,
    savedTokens: sum.savedTokens + each.savedTokens
  }))
}
