import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Atom, Plan } from './plan.ts'
import { circlesIn, inArrows, wavesOf } from './waves.ts'

function atom(id: string, needs: readonly string[] = []): Atom {
  return { id, needs, path: '/v1/chat/completions', body: {}, tags: [] }
}

function plan(atoms: readonly Atom[]): Plan {
  return { id: 'p', sharing: 'shared', atoms }
}

function idsOf(waves: readonly (readonly Atom[])[]): string[][] {
  return waves.map((wave) => wave.map(({ id }) => id))
}

/** Any graph of up to 12 atoms: circles, needs of oneself and all. */
const graphs = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc
    .array(fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { maxLength: 3 }), {
      minLength: count,
      maxLength: count
    })
    .map((needs) =>
      needs.map((of, index) =>
        atom(
          `a${index}`,
          of.map((need) => `a${need}`)
        )
      )
    )
)

describe('wavesOf', () => {
  it('puts an atom into the first wave after all that it needs, and keeps the order of the plan', () => {
    const atoms = [atom('d', ['b', 'c']), atom('b', ['a']), atom('a'), atom('c'), atom('e', ['d', 'a'])]
    expect(idsOf(wavesOf(plan(atoms)))).toEqual([['a', 'c'], ['b'], ['d'], ['e']])
  })

  it('has no wave for a plan of nothing', () => {
    expect(wavesOf(plan([]))).toEqual([])
  })

  it('orders any graph as early as can be, or names a circle that is there', () => {
    fc.assert(
      fc.property(graphs, (atoms) => {
        const circles = circlesIn(atoms)
        const needsOf = new Map(atoms.map(({ id, needs }) => [id, needs]))
        for (const circle of circles) {
          expect(circle.length).toBeGreaterThan(1)
          expect(circle.at(-1)).toBe(circle[0])
          expect(new Set(circle).size).toBe(circle.length - 1)
          for (const [index, id] of circle.slice(0, -1).entries()) expect(needsOf.get(id)).toContain(circle[index + 1])
        }
        if (circles.length > 0) {
          expect(() => wavesOf(plan(atoms))).toThrow(inArrows(circles[0] ?? []))
          return
        }
        const waves = wavesOf(plan(atoms))
        const waveOf = new Map(waves.flatMap((wave, index) => wave.map(({ id }) => [id, index] as const)))
        expect(waveOf.size).toBe(atoms.length)
        for (const { id, needs } of atoms)
          expect(waveOf.get(id)).toBe(Math.max(-1, ...needs.map((need) => waveOf.get(need) ?? Number.NaN)) + 1)
      }),
      { numRuns: 500 }
    )
  })

  it('orders 100,000 atoms in a chain, and finds a circle of as many', () => {
    const count = 100_000
    const chain = Array.from({ length: count }, (_, index) => atom(`a${index}`, index === 0 ? [] : [`a${index - 1}`]))
    expect(wavesOf(plan(chain)).length).toBe(count)
    const [circle] = circlesIn([atom('a0', [`a${count - 1}`]), ...chain.slice(1)])
    expect(circle?.length).toBe(count + 1)
    expect(inArrows(circle ?? [])).toMatch(/^a0 -> a99999 -> .* -> \(99961 more\) -> .* -> a0$/)
  })

  it('refuses what readPlan would have refused', () => {
    expect(() => wavesOf(plan([atom('a'), atom('a')]))).toThrow('expected each atom once')
    expect(() => wavesOf(plan([atom('a', ['b'])]))).toThrow('atom a: expected needs to be atoms of the plan, got b')
    expect(() => wavesOf(plan([atom('a', ['a'])]))).toThrow('expected needs without a circle, got a -> a')
  })
})
