import { createHash } from 'node:crypto'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { vectorBytes } from '../../src/core/vector-bytes.ts'
import { openStore } from '../../src/stores/open.ts'
import type { Store } from '../../src/stores/store.ts'
import { localVectors } from '../../src/vectors/local.ts'
import type { VectorIndex } from '../../src/vectors/vector-index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { near, randomUnit, seeded } from '../support/unit-vectors.ts'

const closing: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close()
})

const random = seeded(7)
const vectors = Array.from({ length: 1200 }, () => randomUnit(random, 48))
const partition = 'within the same'

function vectorAt(at: number): Float32Array {
  return vectors[at] ?? new Float32Array()
}

function keyOf(at: number): string {
  return `llm:gpt-4o:${createHash('sha256').update(String(at)).digest('hex')}`
}

async function openEach(spec: string): Promise<{ store: Store; index: VectorIndex }> {
  const store = await openStore(spec)
  closing.push(store)
  const { vectors: stored } = store
  if (stored === undefined) throw new Error(`${spec} keeps no vectors`)
  const index = localVectors({ vectors: stored, hydrateWithinMs: 60_000 })
  closing.push(index)
  return { store, index }
}

async function put(store: Store, at: number, vector = vectorAt(at)): Promise<void> {
  const ttlMs = 600_000
  const tags = [at % 2 === 0 ? 'even' : 'odd']
  await store.set(keyOf(at), Uint8Array.of(1), { ttlMs, tags, vector: { partition, bytes: vectorBytes(vector) } })
}

async function find(index: VectorIndex, at: number): Promise<string | undefined> {
  return (await index.nearest(partition, near(vectorAt(at), 0.95, seeded(at)), 0.9, 1))[0]?.key
}

const folder = temporaryFolder()
afterAll(() => folder.remove())

for (const spec of ['memory:', `embedded:${folder.path}`])
  describe(`the local vector index over ${spec.replace(/:.*/, '')}`, () => {
    it('finds what is stored, is stored later or replaced, and nothing that was deleted', async () => {
      const { store, index } = await openEach(spec)
      await Promise.all(Array.from({ length: 1000 }, (_, at) => put(store, at)))
      for (let at = 0; at < 1000; at += 10) expect(await find(index, at)).toBe(keyOf(at))
      await Promise.all(Array.from({ length: 100 }, (_, at) => put(store, 1000 + at)))
      await vi.waitFor(async () => {
        for (let at = 1000; at < 1100; at++) expect(await find(index, at)).toBe(keyOf(at))
      })
      await put(store, 3, vectorAt(1150))
      await vi.waitFor(async () => expect(await find(index, 3)).toBeUndefined())
      await store.delete({ tag: 'even' })
      for (let at = 4; at < 1100; at += 7) expect(await find(index, at)).toBe(at % 2 === 0 ? undefined : keyOf(at))
    })
  })
