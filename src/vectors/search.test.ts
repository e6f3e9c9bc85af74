import { describe, expect, it } from 'vitest'
import type { StoredVectors } from '../core/stored-vectors.ts'
import { vectorBytes } from '../core/vector-bytes.ts'
import { localVectors } from './local.ts'

const east = Float32Array.of(1, 0)
const later = Date.now() + 3_600_000

describe('a search while the store fails', () => {
  it.each(['peek', 'get'] as const)('rejects, and finds everything again afterwards (%s)', async (way) => {
    let fails = false
    function bytes(): Uint8Array {
      if (fails) throw new Error('the disk is gone')
      return vectorBytes(east)
    }
    const vectors: StoredVectors = {
      get: async () => bytes(),
      ...(way === 'peek' ? { peek: bytes } : {}),
      async *read() {},
      follow: () => () => {}
    }
    const index = localVectors({ vectors })
    await index.add('partition', 'a', east, later)
    fails = true
    await expect(index.nearest('partition', east, 0.9, 1)).rejects.toThrow('the disk is gone')
    fails = false
    expect(await index.nearest('partition', east, 0.9, 1)).toEqual([{ key: 'a', similarity: 1 }])
    await index.close()
  })
})
