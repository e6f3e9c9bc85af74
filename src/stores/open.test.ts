import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeStore, openStore } from './open.ts'

describe('openStore', () => {
  it.each(['memory:', 'memory'])('opens %s', async (spec) => {
    const store = await openStore(spec, { maxBytes: 100_000 })
    expect(store.name).toBe('memory')
    await expect(store.set('a', new Uint8Array(100_000), { ttlMs: 1000, tags: [] })).rejects.toThrow(/100000/)
    await store.close()
  })

  it('opens an embedded store in a folder relative to the working directory', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'reprise-'))
    const store = await openStore(`embedded:${relative(process.cwd(), folder)}/deep/er`)
    expect(store.name).toBe('embedded')
    expect(existsSync(join(folder, 'deep/er/entries.mdb'))).toBe(true)
    await store.close()
    rmSync(folder, { recursive: true })
  })

  it('opens a Redis store without waiting for its server', async () => {
    const store = await openStore('redis://127.0.0.1:1/2?prefix=app:')
    expect(store.name).toBe('redis')
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store-unavailable' })
    await store.close()
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store-closed' })
  })

  it('takes a certificate authority for TLS only', async () => {
    await expect(openStore('redis://127.0.0.1:1', { ca: 'PEM' })).rejects.toThrow(/expected a rediss:\/\/ URL/)
    await (await openStore('rediss://127.0.0.1:1', { ca: 'PEM' })).close()
  })

  it.each(['', 'disk', 'embedded:', 'postgres://user:geheim@host', 'memory:256mb', 'Memory:'])(
    'refuses %j',
    async (spec) => {
      const error = await openStore(spec).catch((reason: Error) => reason)
      expect(error).toMatchObject({ code: 'invalid-option' })
      expect((error as Error).message).toMatch(/^store: expected memory:, embedded:FOLDER, redis:.*, got "/)
      expect((error as Error).message).not.toContain('geheim')
    }
  )
})

describe('describeStore', () => {
  it.each([
    ['memory:', 'memory'],
    ['embedded:/var/cache/reprise', '/var/cache/reprise'],
    ['embedded:here', join(process.cwd(), 'here')],
    ['embedded:~/cache', join(homedir(), 'cache')],
    ['embedded:~', homedir()],
    ['embedded:~other', join(process.cwd(), '~other')],
    ['redis://user:geheim@host:7000/1', 'redis://host:7000/1']
  ])('says of %j: %j', (spec, expected) => {
    expect(describeStore(spec)).toBe(expected)
  })
})
