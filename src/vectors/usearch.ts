import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Index } from 'usearch'
import { RepriseError } from '../core/errors.ts'
import type { Accelerator } from './accelerator.ts'
import type { Match } from './vector-index.ts'

const oldest = '2.26.2'

/**
 * The `usearch` package's HNSW index of 8-bit vectors, some 1.2 KB for one of 384 components, beside what the exact
 * index takes. Undefined when the package is not there.
 * @throws RepriseError `missing-dependency` for a version that cannot be relied on
 */
export async function usearchAccelerator(dimensions: number): Promise<Accelerator | undefined> {
  const version = usearchVersion()
  if (version === undefined) return undefined
  checkUsearchVersion(version)
  const { Index, MetricKind, ScalarKind } = await import('usearch')
  return new UsearchAccelerator(
    new Index({
      dimensions,
      metric: MetricKind.Cos,
      quantization: ScalarKind.I8,
      connectivity: 16,
      expansion_add: 128,
      expansion_search: 64,
      multi: false
    })
  )
}

/** @throws RepriseError `missing-dependency` */
export function checkUsearchVersion(version: string): void {
  const [found, wanted] = [version, oldest].map((each) => each.split('.').map(Number))
  const difference = wanted?.map((part, index) => (found?.[index] ?? 0) - part).find((part) => part !== 0) ?? 0
  if (difference < 0)
    throw new RepriseError(
      'missing-dependency',
      `usearch ${version} loses deletions, and would find what was invalidated; install usearch >= ${oldest}, or remove it: vectors are found exactly without it`
    )
}

class UsearchAccelerator implements Accelerator {
  readonly #index: Index
  /** The index knows numbers only. */
  readonly #numbers = new Map<string, bigint>()
  readonly #keys = new Map<bigint, string>()
  #next = 0n

  constructor(index: Index) {
    this.#index = index
  }

  put(key: string, vector: Float32Array): void {
    this.remove(key)
    const number = this.#next++
    this.#index.add(number, vector, 1)
    this.#numbers.set(key, number)
    this.#keys.set(number, key)
  }

  remove(key: string): void {
    const number = this.#numbers.get(key)
    if (number === undefined) return
    this.#index.remove(number)
    this.#numbers.delete(key)
    this.#keys.delete(number)
  }

  has(key: string): boolean {
    return this.#numbers.has(key)
  }

  nearest(vector: Float32Array, count: number): readonly Match[] {
    if (this.#numbers.size === 0) return []
    const { keys, distances } = this.#index.search(vector, Math.min(count, this.#numbers.size), 1)
    return [...keys].flatMap((number, place) => {
      const key = this.#keys.get(number)
      return key === undefined ? [] : [{ key, similarity: 1 - (distances[place] ?? 2) }]
    })
  }
}

/** The version of the package that would be imported; undefined when there is none. */
function usearchVersion(): string | undefined {
  try {
    // Its package.json is not among what it exports.
    let folder = dirname(createRequire(import.meta.url).resolve('usearch'))
    while (folder !== dirname(folder)) {
      const file = join(folder, 'package.json')
      const found: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
      if (isUsearch(found)) return found.version
      folder = dirname(folder)
    }
  } catch {
    // Not installed.
  }
  return undefined
}

function isUsearch(found: unknown): found is { readonly version: string } {
  return (
    typeof found === 'object' &&
    found !== null &&
    'name' in found &&
    found.name === 'usearch' &&
    'version' in found &&
    typeof found.version === 'string'
  )
}
