import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { embeddedStore } from './embedded.ts'
import { memoryStore } from './memory.ts'
import type { Selector, Store } from './store.ts'

const names = ['a', 'ab', 'abc', 'b', 'ba', 'é', 'aé?']
const tags = ['red', 'round', 'a']

const name = fc.constantFrom(...names)
const value = fc.string({ maxLength: 3, unit: fc.constantFrom('x', 'y') })
const someTags = fc.subarray(tags)
/** Which of the marks that were given before; the last one mostly. */
const since = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(10) })
const selector: fc.Arbitrary<Selector> = fc.oneof(
  name.map((key) => ({ key })),
  name.map((prefix) => ({ prefix })),
  fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', 'é', '*', '?') }).map((pattern) => ({ pattern })),
  fc.constantFrom(...tags).map((tag) => ({ tag })),
  fc.constant({ all: true as const })
)

type Step =
  | { readonly do: 'set'; key: string; value: string; tags: string[]; since: number | undefined; vector: boolean }
  | { readonly do: 'replace'; key: string; value: string; tags: string[]; beginning: string; since: number }
  | { readonly do: 'delete' | 'keys'; selector: Selector }
  | { readonly do: 'mark' }
  | { readonly do: 'deletedSince'; since: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key: name,
      value,
      tags: someTags,
      since: fc.option(since, { nil: undefined }),
      vector: fc.boolean()
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('replace' as const),
      key: name,
      value,
      tags: someTags,
      beginning: value,
      since
    })
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), selector }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('keys' as const), selector }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deletedSince' as const), since }) }
)

interface ModelEntry {
  readonly value: string
  readonly tags: readonly string[]
  readonly vector: string | undefined
}

/** What a store should do, as simply as it can be said. */
class Model {
  readonly entries = new Map<string, ModelEntry>()
  readonly deletions: Selector[] = []

  set(key: string, entry: ModelEntry, since: number | undefined): readonly Selector[] | undefined {
    if (since !== undefined && since !== this.deletions.length) return this.deletions.slice(since)
    this.entries.set(key, entry)
    return undefined
  }

  replace(key: string, value: string, tags: readonly string[], beginning: string, since: number): boolean {
    const entry = this.entries.get(key)
    if (since !== this.deletions.length || entry?.value.startsWith(beginning) !== true) return false
    this.entries.set(key, { ...entry, value, tags })
    return true
  }

  delete(selector: Selector): string[] {
    this.deletions.push(selector)
    const keys = this.keys(selector)
    for (const key of keys) this.entries.delete(key)
    return keys
  }

  keys(selector: Selector): string[] {
    return [...this.entries].filter(([key, { tags }]) => selects(selector, key, tags)).map(([key]) => key)
  }
}

function selects(selector: Selector, key: string, tags: readonly string[]): boolean {
  if ('key' in selector) return key === selector.key
  if ('prefix' in selector) return key.startsWith(selector.prefix)
  if ('tag' in selector) return tags.includes(selector.tag)
  if ('all' in selector) return true
  const expression = selector.pattern.replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${expression}$`, 'su').test(key)
}

/** Does the same to a store and to the model, and compares what they say and what they then have. */
async function compare(store: Store, steps: readonly Step[]): Promise<void> {
  await store.delete({ all: true })
  const model = new Model()
  /** The marks that were given, and how many deletions there had been. The latest is the first. */
  const marks = [{ mark: await store.mark(), count: 0 }]
  const markAt = (index: number) => marks[index % marks.length] ?? { mark: 0, count: 0 }

  for (const step of steps) {
    switch (step.do) {
      case 'set': {
        const { key, value, tags, vector } = step
        const since = step.since === undefined ? undefined : markAt(step.since)
        const refused = await store.set(key, Buffer.from(value), {
          ttlMs: 600_000,
          tags,
          ...(since === undefined ? {} : { since: since.mark }),
          ...(vector ? { vector: { partition: 'p', bytes: Buffer.from(`v${value}`) } } : {})
        })
        const expected = model.set(key, { value, tags, vector: vector ? `v${value}` : undefined }, since?.count)
        expect(refused?.selectors).toEqual(expected)
        break
      }
      case 'replace': {
        const { key, value, tags, beginning } = step
        const { mark, count } = markAt(step.since)
        const isReplaced = await store.replace(key, Buffer.from(value), tags, Buffer.from(beginning), mark)
        expect(isReplaced).toBe(model.replace(key, value, tags, beginning, count))
        break
      }
      case 'delete': {
        const told: string[] = []
        const count = await store.delete(step.selector, (key) => told.push(key))
        expect(told.sort()).toEqual(model.delete(step.selector).sort())
        expect(count).toBe(told.length)
        break
      }
      case 'keys':
        expect((await listed(store, step.selector)).sort()).toEqual(model.keys(step.selector).sort())
        break
      case 'mark': {
        const mark = await store.mark()
        const [latest] = marks
        const count = model.deletions.length
        if (latest?.count === count) expect(mark).toBe(latest.mark)
        else expect(mark).toBeGreaterThan(latest?.mark ?? mark)
        marks.unshift({ mark, count })
        break
      }
      case 'deletedSince': {
        const { mark, count } = markAt(step.since)
        const deletions = await store.deletedSince(mark)
        expect(deletions.selectors).toEqual(model.deletions.slice(count))
        expect(deletions.mark).toBe(await store.mark())
      }
    }
  }

  expect((await store.size()).entries).toBe(model.entries.size)
  for (const key of names) {
    const entry = model.entries.get(key)
    expect((await store.get(key))?.toString()).toBe(entry?.value)
    expect((await store.vectors?.get('p', key))?.toString()).toBe(entry?.vector)
  }
  for (const tag of tags) expect((await listed(store, { tag })).sort()).toEqual(model.keys({ tag }).sort())
}

async function listed(store: Store, selector: Selector): Promise<string[]> {
  const keys: string[] = []
  for await (const batch of store.keys(selector)) keys.push(...batch)
  return keys
}

describe('a store does what a simple model does, whatever is done to it:', () => {
  let folder: TemporaryFolder

  beforeAll(() => {
    folder = temporaryFolder()
  })
  afterAll(() => folder.remove())

  const stores: Readonly<Record<string, { open(): Store | Promise<Store>; readonly runs: number }>> = {
    memory: { open: () => memoryStore(), runs: 300 },
    embedded: { open: () => embeddedStore({ folder: folder.path }), runs: 60 }
  }

  it.each(Object.entries(stores))('%s', async (_, { open, runs }) => {
    const store = await open()
    const steps = fc.array(step, { minLength: 5, maxLength: 40, size: 'max' })
    try {
      await fc.assert(
        fc.asyncProperty(steps, (steps) => compare(store, steps)),
        { numRuns: runs }
      )
    } finally {
      await store.close()
    }
  })
})
