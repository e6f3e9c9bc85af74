import { describe, expect, it } from 'vitest'
import { fakeStoredVectors } from '../../test/support/fake-stored-vectors.ts'
import { openVectors } from './open.ts'

describe('opening a vector index', () => {
  it('opens the one that is named', async () => {
    const bare = await openVectors('local')
    expect(bare).toMatchObject({ name: 'local', readsStore: false })
    await bare.close()
    const reading = await openVectors('local', { vectors: fakeStoredVectors() })
    expect(reading.readsStore).toBe(true)
    await reading.close()
    const redis = await openVectors('redis', { redis: { command: async () => [], prefix: 'p:' } })
    expect(redis.name).toBe('redis')
    await redis.close()
  })

  it('says what it needs, and what there is', async () => {
    await expect(openVectors('redis')).rejects.toMatchObject({ code: 'invalid-option' })
    await expect(openVectors('remote' as 'redis')).rejects.toThrow('expected local or redis, got "remote"')
    await expect(openVectors('local', { maxBytes: -1 })).rejects.toMatchObject({ code: 'invalid-option' })
  })
})
