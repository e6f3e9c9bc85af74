import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { StoredVector, StoredVectors } from '../core/stored-vectors.ts'
import type { SetOptions, Store } from '../stores/store.ts'

/** What a case has at hand: a store, and a prefix that no other case has. */
export interface Stage {
  readonly store: Store
  readonly prefix: string
}

/** Sentences, and how to find out whether they are true of a store. */
export type Cases = Readonly<Record<string, (stage: Stage) => Promise<void>>>

/** Long enough to be there when it is looked for, on a machine that is busy. */
export const longMs = 60_000
export const shortMs = 60

export function lasting(tags: readonly string[] = []): SetOptions {
  return { ttlMs: longMs, tags }
}

export function bytes(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value))
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString()
}

/** A comparison that does not print a megabyte when it fails. */
export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.equal(actual?.length, expected.length)
  assert.ok(Buffer.from(expected).equals(actual ?? new Uint8Array()), 'the bytes differ')
}

/** Sets each key to itself. */
export async function setAll(store: Store, keys: readonly string[], tags: readonly string[] = []): Promise<void> {
  await Promise.all(keys.map((key) => store.set(key, bytes(key), lasting(tags))))
}

/** Replaces as one who has just asked for the mark. */
export async function replaceNow(
  store: Store,
  key: string,
  value: Uint8Array,
  tags: readonly string[],
  beginning: Uint8Array
): Promise<boolean> {
  return store.replace(key, value, tags, beginning, await store.mark())
}

/** The names that are there. */
export async function present(store: Store, prefix: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => store.get(prefix + name)))
  return names.filter((_, index) => found[index] !== undefined)
}

export async function eventually(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const untilMs = Date.now() + 10_000; Date.now() < untilMs; await delay(5)) {
    if (await isSo()) return
  }
  assert.fail(`within ten seconds, not so: ${what}`)
}

export type VectorStage = Stage & { readonly vectors: StoredVectors }

/** Cases for stores that keep vectors; the others have nothing to show in them. */
export function withVectors(cases: Readonly<Record<string, (stage: VectorStage) => Promise<void>>>): Cases {
  return Object.fromEntries(
    Object.entries(cases).map(([name, check]) => [
      name,
      async (stage: Stage) => {
        const { vectors } = stage.store
        if (vectors !== undefined) await check({ ...stage, vectors })
      }
    ])
  )
}

export function within(partition: string, vector: Uint8Array, tags: readonly string[] = []): SetOptions {
  return { ...lasting(tags), vector: { partition, bytes: vector } }
}

export async function readAll(vectors: StoredVectors, partition: string): Promise<StoredVector[]> {
  const all: StoredVector[] = []
  for await (const batch of vectors.read(partition)) all.push(...batch)
  return all
}

/** A listener that remembers what it was told of a case's own keys, each once. */
export function heard(prefix: string) {
  const told = new Map<string, number>()
  return {
    stored(partition: string, key: string, expiresAtMs: number): void {
      if (!key.startsWith(prefix)) return
      told.set(`${partition.slice(prefix.length)} ${key.slice(prefix.length)}`, expiresAtMs)
    },
    lost(): void {},
    names: (): string[] => [...told.keys()].sort(),
    expiries: (): number[] => [...told.values()]
  }
}
