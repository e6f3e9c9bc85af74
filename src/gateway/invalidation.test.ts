import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminStand, adminStand } from '../../test/support/admin-stand.ts'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import { type Cache, createCache } from '../cache.ts'
import { invalidation } from './invalidation.ts'

let cache: Cache
let stand: AdminStand

beforeEach(async () => {
  cache = await createCache({ store: 'memory:', deadlineMs: 10_000 })
  stand = await adminStand([invalidation(cache)])
  await cache.set('capital:france', 'Paris', { tags: ['atlas', 'europe'] })
  await cache.set('capital:peru', 'Lima', { tags: ['atlas'] })
  const search = cache.retrievals(async () => ({
    value: [{ id: 7, text: 'about rivers' }],
    origin: { layer: 'provider' }
  }))
  await search({ query: 'rivers', collection: 'books' }, cache.contextOf())
})

afterEach(async () => {
  await stand.close()
  await cache.close()
})

function invalidate(said: unknown): Promise<{ status: number; body: unknown }> {
  return stand.ask('POST', '/cache/invalidate', typeof said === 'string' ? said : JSON.stringify(said))
}

async function keys(): Promise<readonly string[]> {
  return (await cache.inventory.list({})).entries.map(({ key }) => key)
}

describe('POST /cache/invalidate', () => {
  it.each<[object, number]>([
    [{ tag: 'atlas' }, 2],
    [{ tag: 'europe' }, 1],
    [{ tag: 'document:7' }, 1],
    [{ kind: 'value' }, 2],
    [{ kind: 'retrieval' }, 1],
    [{ model: 'books' }, 1],
    [{ prefix: 'value:capital_' }, 2],
    [{ pattern: '*peru*' }, 1],
    [{ pattern: 'value:capital_????:*' }, 1],
    [{ all: true }, 3],
    [{ tag: 'atlas:none' }, 0],
    [{ kind: 'val' }, 0]
  ])('deletes by %j, says how many went, and says it before it does when that is asked', async (selection, count) => {
    const before = await keys()
    expect(await invalidate({ ...selection, dryRun: true })).toEqual({ status: 200, body: { count, dryRun: true } })
    expect(await keys()).toEqual(before)
    expect(await invalidate(selection)).toEqual({ status: 200, body: { count, dryRun: false } })
    expect(await keys()).toHaveLength(before.length - count)
    expect(await invalidate({ ...selection, dryRun: false })).toEqual({
      status: 200,
      body: { count: 0, dryRun: false }
    })
  })

  it('deletes the one entry with a key', async () => {
    const [key] = await keys()
    expect(await invalidate({ key })).toEqual({ status: 200, body: { count: 1, dryRun: false } })
    expect(await keys()).not.toContain(key)
    expect(await invalidate({ key: 'value:capital' })).toMatchObject({ body: { count: 0 } })
  })

  const names = 'key, prefix, pattern, tag, model, kind, all'

  it.each<[unknown, string | undefined, string]>([
    ['', undefined, 'expected a JSON object such as {"tag": "run:7"}, got an empty body'],
    ['tag=a', undefined, 'expected a JSON object such as {"tag": "run:7"}, got what is not JSON'],
    [[{ tag: 'a' }], undefined, 'expected a JSON object such as {"tag": "run:7"}, got [{"tag":"a"}]'],
    [{}, undefined, `expected one of ${names}, got none`],
    [{ dryRun: true }, undefined, `expected one of ${names}, got none`],
    [{ tag: 'a', kind: 'llm' }, undefined, `expected one of ${names}, got tag and kind`],
    [{ tag: 'atlas', all: false }, undefined, `expected one of ${names}, got tag and all`],
    [{ tags: ['atlas'] }, 'tags', `expected ${names} or dryRun, got "tags"`],
    [{ tag: 'atlas', dryrun: true }, 'dryrun', `expected ${names} or dryRun, got "dryrun"`],
    [{ tag: 'atlas', dryRun: 'true' }, 'dryRun', 'dryRun: expected true or false, got "true"'],
    [{ tag: 'atlas', dryRun: null }, 'dryRun', 'dryRun: expected true or false, got null'],
    [{ tag: '' }, 'tag', 'tag: expected a text, got ""'],
    [{ tag: ['atlas'] }, 'tag', 'tag: expected a text, got ["atlas"]'],
    [{ all: 'yes' }, 'all', 'all: expected true, got "yes"'],
    [{ all: false }, 'all', 'all: expected true, got false'],
    [{ tag: 'x'.repeat(5000) }, undefined, 'tag: expected up to 4096 bytes, got 5008']
  ])('deletes nothing for %j, and says what was expected', async (said, field, message) => {
    expect(await invalidate(said)).toEqual({
      status: 400,
      body: { code: 'invalid-body', ...(field === undefined ? {} : { field }), message }
    })
    expect(await keys()).toHaveLength(3)
  })

  it('says so when the store cannot do it', async () => {
    const store = new ChaosStore()
    const failing = await createCache({ store })
    const other = await adminStand([invalidation(failing)])
    store.chaos = (operation) => {
      if (operation === 'delete' || operation === 'keys') throw new Error('the disk is gone')
    }
    try {
      for (const dryRun of [true, false]) {
        const answer = await other.ask('POST', '/cache/invalidate', JSON.stringify({ all: true, dryRun }))
        expect(answer.status).toBe(500)
      }
    } finally {
      await other.close()
      await failing.close()
    }
  })
})
