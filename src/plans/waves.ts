import { RepriseError } from '../core/errors.ts'
import type { Atom, Plan } from './plan.ts'

/** What of an atom its order depends on. */
export interface Needing {
  readonly id: string
  readonly needs: readonly string[]
}

/**
 * The atoms in waves: each in the first wave that comes after all that it needs; within a wave in the order of the plan.
 * In time linear in atoms and needs. @throws RepriseError `invalid-plan` for a plan that was not read by `readPlan`, and
 * has a circle, an atom twice, or a need that is no atom of it
 */
export function wavesOf({ atoms }: Plan): readonly (readonly Atom[])[] {
  const known = new Set(atoms.map(({ id }) => id))
  if (known.size < atoms.length) throw invalid('expected each atom once, got one twice')
  for (const { id, needs } of atoms) {
    const unknown = needs.find((need) => !known.has(need))
    if (unknown !== undefined) throw invalid(`atom ${id}: expected needs to be atoms of the plan, got ${unknown}`)
  }
  const waveOf = waveNumbers(atoms)
  if (waveOf.size < atoms.length) {
    const [circle = []] = circlesIn(atoms)
    throw invalid(`expected needs without a circle, got ${inArrows(circle)}`)
  }
  const waves: Atom[][] = []
  for (const number of waveOf.values()) if (number === waves.length) waves.push([])
  for (const atom of atoms) waves[waveOf.get(atom.id) ?? 0]?.push(atom)
  return waves
}

/**
 * Circles of atoms that need each other, each beginning and ending with the same atom; no atom is in two of them. None
 * when the atoms can be ordered. Needs that are no atoms do not count.
 */
export function circlesIn(atoms: readonly Needing[]): readonly (readonly string[])[] {
  const waveOf = waveNumbers(atoms)
  // Each of those that are in no wave needs another of them: whoever follows that comes round.
  const next = new Map<string, string>()
  const stuck = atoms.filter(({ id }) => !waveOf.has(id))
  const isStuck = new Set(stuck.map(({ id }) => id))
  for (const { id, needs } of stuck) {
    const need = needs.find((one) => isStuck.has(one))
    if (need !== undefined) next.set(id, need)
  }
  const circles: (readonly string[])[] = []
  const walkOf = new Map<string, number>()
  for (const [walk, { id }] of stuck.entries()) {
    const path: string[] = []
    let at: string | undefined = id
    while (at !== undefined && !walkOf.has(at)) {
      walkOf.set(at, walk)
      path.push(at)
      at = next.get(at)
    }
    if (at !== undefined && walkOf.get(at) === walk) circles.push([...path.slice(path.indexOf(at)), at])
  }
  return circles
}

const mostNamed = 40

/** A circle for people: `a -> b -> a`, a very long one without its middle. */
export function inArrows(circle: readonly string[]): string {
  if (circle.length <= mostNamed) return circle.join(' -> ')
  const half = mostNamed / 2
  const left = circle.length - mostNamed
  return [...circle.slice(0, half), `(${left} more)`, ...circle.slice(-half)].join(' -> ')
}

/** The number of each atom's wave, from 0; atoms in a circle, and those that need one, have none. */
function waveNumbers(atoms: readonly Needing[]): ReadonlyMap<string, number> {
  const missing = new Map<string, number>(atoms.map(({ id }) => [id, 0]))
  const neededBy = new Map<string, string[]>()
  for (const { id, needs } of atoms) {
    for (const need of needs) {
      if (!missing.has(need)) continue
      missing.set(id, (missing.get(id) ?? 0) + 1)
      const others = neededBy.get(need)
      if (others === undefined) neededBy.set(need, [id])
      else others.push(id)
    }
  }
  const waveOf = new Map<string, number>()
  let wave = [...missing].flatMap(([id, count]) => (count === 0 ? [id] : []))
  for (let number = 0; wave.length > 0; number++) {
    const following: string[] = []
    for (const id of wave) {
      waveOf.set(id, number)
      for (const other of neededBy.get(id) ?? []) {
        const left = (missing.get(other) ?? 0) - 1
        missing.set(other, left)
        if (left === 0) following.push(other)
      }
    }
    wave = following
  }
  return waveOf
}

function invalid(message: string): RepriseError {
  return new RepriseError('invalid-plan', message)
}
