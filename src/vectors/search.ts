import { RepriseError } from '../core/errors.ts'
import type { StoredVectors } from '../core/stored-vectors.ts'
import { cosine, lengthOf, vectorOf } from '../core/vector-bytes.ts'
import type { Accelerated } from './accelerator.ts'
import type { Kernel } from './kernel.ts'
import type { Partition } from './partition.ts'
import { Shortlist } from './shortlist.ts'
import type { Match } from './vector-index.ts'

export interface Search {
  readonly partition: Partition
  /** The partition's name, by which the store knows it. */
  readonly name: string
  readonly vector: Float32Array
  readonly minSimilarity: number
  readonly count: number
}

export interface SearchTools {
  readonly kernel: Kernel
  /** Where the vectors themselves are; undefined when the partition has them. */
  readonly stored: StoredVectors | undefined
  readonly accelerated: Accelerated | undefined
  readonly now: () => number
  /** Says that the store has no entry with this key any more. */
  readonly gone: (key: string) => void
}

/** A key whose codes are near enough. */
interface Candidate {
  readonly key: string
  /** What the codes say. */
  readonly similarity: number
  readonly expiresAtMs: number
}

interface Candidates {
  readonly list: readonly Candidate[]
  /** The most that the codes may be wrong by. */
  readonly bound: number
  /** Whether there may be more than these. */
  readonly isCut: boolean
  /** Whether only what can be among the best was taken, which holds as long as all of these are there and as they were. */
  readonly isTrimmed: boolean
  /** Whether some had expired. */
  readonly hasExpired: boolean
}

interface Checked {
  readonly matches: readonly Match[]
  /** Whether the store had lost some. */
  readonly hasLost: boolean
  /** Whether some were not what their codes had said. */
  readonly hasChanged: boolean
}

/**
 * At least so many candidates are looked at before the codes are taken at their word. Where more than these lie closer
 * together than the codes can tell, which in truth is a difference of one or two thousandths, the one that is found may
 * not be the very best of them.
 */
const leastCandidates = 64
/** How often to look when the store had lost what was found. */
const rounds = 5

/**
 * Finds neighbours: candidates by their codes, then their similarity by the vectors themselves, the most promising
 * first, until no other can be better. What has expired, or has gone from the store, is taken out when it is met.
 */
export async function search(search: Search, tools: SearchTools): Promise<readonly Match[]> {
  const { partition, count } = search
  let matches: readonly Match[] = []
  let wanted = count
  for (let round = 0; round < rounds && partition.count > 0; round++) {
    // What the accelerator finds may all have gone; the second time everything is looked through.
    const candidates = (round === 0 ? nearAccelerated(search, tools) : undefined) ?? nearCodes(search, tools, wanted)
    const checked = await check(search, tools, candidates)
    matches = checked.matches
    if (candidates.isTrimmed) {
      if (!checked.hasLost && !checked.hasChanged && !candidates.hasExpired) break
    } else if (matches.length >= count || !checked.hasLost || !candidates.isCut) break
    // One of the best was none: now nothing is left out because of it.
    wanted = Number.POSITIVE_INFINITY
  }
  return matches
}

/** @throws RepriseError `invalid-option` for what is no unit vector, or not as long as the partition's */
export function checkedLength(vector: Float32Array, dimensions: number): number {
  const length = lengthOf(vector)
  if (length === undefined)
    throw new RepriseError(
      'invalid-option',
      `vector: expected a unit vector of finite numbers, got one of length ${Math.hypot(...vector.subarray(0, 65_536))}; divide it by its length`
    )
  if (dimensions !== 0 && vector.length !== dimensions)
    throw new RepriseError(
      'invalid-option',
      `vector: expected ${dimensions} components like the others of its partition, got ${vector.length}; give each embedding model a partition of its own`
    )
  return length
}

/** The candidates by their codes; what cannot be among the `wanted` best is left out. */
function nearCodes(
  { partition, vector, minSimilarity, count }: Search,
  { kernel, now }: SearchTools,
  wanted: number
): Candidates {
  const shortlist = new Shortlist(Math.max(leastCandidates, 4 * count))
  kernel.aim(vector, lengthOf(vector) ?? 1)
  const bound = partition.scan(kernel, minSimilarity, wanted, shortlist)
  const isTrimmed = shortlist.size >= wanted
  const least = shortlist.similarityAt(wanted - 1) - 2 * bound
  const list: Candidate[] = []
  for (let place = 0; place < shortlist.size && shortlist.similarityAt(place) >= least; place++) {
    const slot = shortlist.slotAt(place)
    const similarity = shortlist.similarityAt(place)
    list.push({ key: partition.keyAt(slot), similarity, expiresAtMs: partition.expiryAt(slot) })
  }
  return withoutExpired(partition, { list, bound, isCut: shortlist.isFull, isTrimmed }, now())
}

function nearAccelerated({ partition, vector, count }: Search, tools: SearchTools): Candidates | undefined {
  const found = tools.accelerated?.nearest(vector, Math.max(16, 4 * count))
  if (found === undefined) return undefined
  const list = found.flatMap(({ key, similarity }) => {
    const slot = partition.find(key)
    return slot < 0 ? [] : [{ key, similarity, expiresAtMs: partition.expiryAt(slot) }]
  })
  // Nothing is known of how wrong it may be: all are looked at.
  return withoutExpired(partition, { list, bound: 2, isCut: true, isTrimmed: false }, tools.now())
}

function withoutExpired(partition: Partition, all: Omit<Candidates, 'hasExpired'>, nowMs: number): Candidates {
  const live = all.list.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  for (const { key, expiresAtMs } of all.list) if (expiresAtMs <= nowMs) partition.remove(key)
  return { ...all, list: live, hasExpired: live.length < all.list.length }
}

/** Compares the vectors themselves. */
async function check(
  { partition, name, vector, minSimilarity, count }: Search,
  { stored, gone, now }: SearchTools,
  { list, bound }: Candidates
): Promise<Checked> {
  const matches: Match[] = []
  let hasLost = false
  let hasChanged = false
  function judge(candidate: Candidate, other: Float32Array | undefined): void {
    const { key, expiresAtMs } = candidate
    const slot = partition.find(key)
    if (slot < 0) {
      // It was removed while the store was asked.
      hasChanged = true
      return
    }
    if (other === undefined || other.length !== vector.length) {
      hasLost = true
      if (partition.expiryAt(slot) === expiresAtMs) gone(key)
      return
    }
    const similarity = cosine(vector, other)
    const hasExpired = expiresAtMs <= now()
    // The store may have another vector by now.
    if (hasExpired || Math.abs(similarity - candidate.similarity) > bound) hasChanged = true
    if (similarity < minSimilarity || hasExpired) return
    const place = matches.findIndex((match) => match.similarity < similarity)
    matches.splice(place < 0 ? matches.length : place, 0, { key, similarity })
    if (matches.length > count) matches.pop()
  }
  for (let next = 0; next < list.length; ) {
    const worst = matches.length === count ? matches[count - 1]?.similarity : undefined
    const [first, last] = [list[next], list[Math.min(list.length, next + count - matches.length) - 1]]
    if (first === undefined || (worst !== undefined && first.similarity + bound < worst)) break
    if (stored === undefined) {
      judge(first, partition.vectorAt(partition.find(first.key)))
      next += 1
    } else if (stored.peek !== undefined) {
      const bytes = stored.peek(name, first.key)
      judge(first, bytes && vectorOf(bytes))
      next += 1
    } else {
      // All that could be among the best, at once: waiting for one after the other would take longer.
      const atLeast = worst ?? (last?.similarity ?? -1) - bound
      let end = next + 1
      while (end < list.length && (list[end]?.similarity ?? -1) + bound >= atLeast) end += 1
      const asked = list.slice(next, end)
      const found = await Promise.all(asked.map(({ key }) => stored.get(name, key)))
      for (const [index, candidate] of asked.entries()) {
        const bytes = found[index]
        judge(candidate, bytes && vectorOf(bytes))
      }
      next = end
    }
  }
  return { matches, hasLost, hasChanged }
}
