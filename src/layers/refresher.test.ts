import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settle } from '../../test/support/ask.ts'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import type { Answer } from '../core/answer.ts'
import type { Event } from '../core/events.ts'
import { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { type BackgroundCaller, Refresher } from './refresher.ts'

let nowMs: number
let store: ChaosStore
let entries: Entries
let events: Event[]
let refresher: Refresher

/** The calls that were made, to be answered by hand. */
let asked: { readonly background: BackgroundCaller; stored(): void; refused(): void; fails(): void }[]

const now = (): number => nowMs

beforeEach(async () => {
  nowMs = 1_000_000
  store = new ChaosStore()
  store.now = now
  entries = new Entries(store, { now, deadlineMs: 30 })
  events = []
  asked = []
  refresher = new Refresher(entries, { now, observe: (event) => events.push(event) })
  await entries.put(entryOf('k'))
})

afterEach(() => refresher.close())

function entryOf(key: string, storedAtMs = 1): Entry {
  const far = 1e9
  return { key, kind: 'text', storedAtMs, freshUntilMs: 2, expiresAtMs: far, tags: [], body: Buffer.from('old') }
}

function ask(background: BackgroundCaller): Promise<Answer<unknown>> {
  return new Promise((resolve, reject) => {
    const answer = (stored: boolean) => (): void => resolve({ value: 1, origin: { layer: 'provider', stored } })
    background.caller.signal.addEventListener('abort', () => reject(background.caller.signal.reason))
    asked.push({ background, stored: answer(true), refused: answer(false), fails: () => reject(new Error('no')) })
  })
}

/** What a hit on the entry does. */
async function hit(entry = entryOf('k'), by = refresher): Promise<void> {
  if (by.mayRefresh(entry.key)) by.refresh(entry, ask)
  await settle()
}

describe('a refresher', () => {
  it('asks once for a key however often it is hit meanwhile, and tells what came of it', async () => {
    await hit()
    await hit()
    expect(asked).toHaveLength(1)
    expect(store.calls.filter((call) => call.startsWith('lease'))).toEqual(['lease default:refresh:k'])
    asked[0]?.stored()
    await settle()
    expect(events).toEqual([{ type: 'refreshed', kind: 'text', key: 'k', ok: true }])
    expect(store.leases.size).toBe(0)
    await hit()
    expect(asked).toHaveLength(2)
  })

  it.each(['fails', 'refused'] as const)('leaves a key alone for 30 s after a call that %s', async (outcome) => {
    await hit()
    asked[0]?.[outcome]()
    await settle()
    expect(events).toEqual([{ type: 'refreshed', kind: 'text', key: 'k', ok: false }])
    nowMs += 29_999
    await hit()
    expect(asked).toHaveLength(1)
    nowMs += 1
    await hit()
    expect(asked).toHaveLength(2)
  })

  it('leaves other keys out of it', async () => {
    await entries.put(entryOf('other'))
    await hit()
    asked[0]?.fails()
    await settle()
    await hit(entryOf('other'))
    expect(asked).toHaveLength(2)
  })

  it('keeps the others from a key that it has asked for in vain', async () => {
    const other = new Refresher(entries, { now })
    await hit()
    await hit(entryOf('k'), other)
    asked[0]?.fails()
    await settle()
    nowMs += 29_999
    await hit(entryOf('k'), other)
    expect(asked).toHaveLength(1)
    nowMs += 1001
    await hit(entryOf('k'), other)
    expect(asked).toHaveLength(2)
    await other.close()
  })

  it('asks the store who holds a key at most once a second', async () => {
    store.leases.set('default:refresh:k', { expiresAtMs: 1e9 })
    const leases = (): number => store.calls.filter((call) => call.startsWith('lease')).length
    await hit()
    nowMs += 999
    await hit()
    expect(leases()).toBe(1)
    nowMs += 1
    await hit()
    expect(leases()).toBe(2)
    expect(asked).toEqual([])
  })

  it('does not ask for what another has asked for just before, or what has been invalidated', async () => {
    const seen = entryOf('k')
    await entries.put(entryOf('k', 999_999))
    await hit(seen)
    await entries.invalidate({ key: 'k' })
    await hit(seen)
    expect(asked).toEqual([])
    expect(store.leases.size).toBe(0)
    expect(events).toEqual([])
  })

  it('does not ask while the store cannot say who does', async () => {
    store.chaos = () => Promise.reject(new Error('ECONNREFUSED'))
    await hit()
    expect(asked).toEqual([])
    store.chaos = (operation) => (operation === 'get' ? Promise.reject(new Error('ECONNREFUSED')) : undefined)
    nowMs += 1000
    await hit()
    expect(asked).toEqual([])
    store.chaos = () => {}
    nowMs += 1000
    await hit()
    expect(asked).toHaveLength(1)
  })

  it('asks for no more than 256 at the same time, and for the others later', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error): number => warnings.push(warning)
    process.on('warning', warn)
    const keys = Array.from({ length: 300 }, (_, at) => `k${at}`)
    for (const key of keys) await entries.put(entryOf(key))
    for (const key of keys) await hit(entryOf(key))
    expect(asked).toHaveLength(256)
    // That many listen to one caller, which Node takes for a leak unless it is told.
    expect(warnings).toEqual([])
    asked[0]?.stored()
    await settle()
    await hit(entryOf('k299'))
    expect(asked).toHaveLength(257)
    process.off('warning', warn)
  })

  it('outlives an observer that throws', async () => {
    const own = new Refresher(entries, {
      now,
      observe() {
        throw new Error('not mine')
      }
    })
    await hit(entryOf('k'), own)
    asked[0]?.stored()
    await settle()
    expect(own.mayRefresh('k')).toBe(true)
    await own.close()
  })

  it('aborts what is under way when it is closed, tells nothing of it, and begins nothing more', async () => {
    await hit()
    await refresher.close()
    expect(asked[0]?.background.caller.signal.aborted).toBe(true)
    await settle()
    expect(events).toEqual([])
    expect(store.leases.size).toBe(0)
    await hit()
    expect(asked).toHaveLength(1)
  })

  it('can be closed although somebody who is asked does not hear that nobody waits any more', async () => {
    const own = new Refresher(entries, { now, closeWithinMs: 1 })
    own.refresh(entryOf('k'), () => new Promise(() => {}))
    await settle()
    await own.close()
    expect(store.leases.size).toBe(0)
  })
})
