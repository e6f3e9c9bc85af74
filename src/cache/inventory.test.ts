import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import type { Event } from '../core/events.ts'
import { keyOf } from '../core/key.ts'
import { valueKind } from '../core/value-kind.ts'
import { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { memoryStore } from '../stores/memory.ts'
import { recordKey } from '../stores/namespace.ts'
import type { Store } from '../stores/store.ts'
import { Inventory } from './inventory.ts'

const nowMs = Date.now()
const events: Event[] = []
let store: Store
let entries: Entries
let inventory: Inventory

beforeEach(() => {
  events.length = 0
  open(memoryStore())
})

afterEach(() => entries.close())

function open(own: Store): void {
  store = own
  entries = new Entries(store, { deadlineMs: 10_000, observe: (event) => events.push(event) })
  inventory = new Inventory(entries)
}

/** Stores an answer under its name, later the greater the name's number. */
async function put(name: string, own: Partial<Entry> & { said?: string } = {}): Promise<string> {
  const { said = 'an answer', ...rest } = own
  const { kind = 'llm' } = rest
  const model = name.replace(/\d+$/, '')
  const key = kind === 'value' ? keyOf(valueKind, { key: name, compute: () => null }, []) : `${kind}:${model}:${name}`
  const storedAtMs = nowMs + Number(/\d+$/.exec(name)?.[0] ?? 0)
  const times = { storedAtMs, freshUntilMs: nowMs + 600_000, expiresAtMs: nowMs + 600_000 }
  expect(await entries.put({ key, kind, ...times, tags: [], body: Buffer.from(said), ...rest })).toBe(true)
  return key
}

async function names(wanted: Parameters<Inventory['list']>[0]): Promise<readonly string[]> {
  return (await inventory.list(wanted)).entries.map(({ key }) => key.slice(key.lastIndexOf(':') + 1))
}

describe('what is listed', () => {
  it('is the latest first, as many as wanted, and says when there are more', async () => {
    for (const name of ['m3', 'm1', 'm5', 'm2', 'm4']) await put(name)
    expect(await names({})).toEqual(['m5', 'm4', 'm3', 'm2', 'm1'])
    expect(await names({ limit: 2 })).toEqual(['m5', 'm4'])
    expect(await inventory.list({ limit: 2 })).toMatchObject({ looked: 5, truncated: true })
    expect(await inventory.list({ limit: 5 })).toMatchObject({ looked: 5, truncated: false })
  })

  it('is 50 when nobody says how many', async () => {
    for (let index = 1; index <= 51; index++) await put(`m${index}`)
    expect(await names({})).toHaveLength(50)
    expect(await inventory.list({})).toMatchObject({ looked: 51, truncated: true })
  })

  it('fulfils all that is wanted', async () => {
    await put('gpt1', { tags: ['a', 'b'] })
    await put('gpt2', { tags: ['b'] })
    await put('claude3', { tags: ['a'] })
    await put('gpt4', { kind: 'embedding', tags: ['a'] })
    await put('gpt-mini5', { said: 'Paris' })
    const all = ['gpt-mini5', 'gpt4', 'claude3', 'gpt2', 'gpt1']
    const wants = {
      tag: ['a', ['gpt4', 'claude3', 'gpt1']],
      kind: ['llm', ['gpt-mini5', 'claude3', 'gpt2', 'gpt1']],
      model: ['gpt', ['gpt4', 'gpt2', 'gpt1']],
      prefix: ['llm:gpt', ['gpt-mini5', 'gpt2', 'gpt1']],
      text: ['paris', ['gpt-mini5']]
    } as const
    const wishes = fc.uniqueArray(fc.constantFrom(...(Object.keys(wants) as (keyof typeof wants)[])))
    await fc.assert(
      fc.asyncProperty(wishes, async (chosen) => {
        const wanted = Object.fromEntries(chosen.map((name) => [name, wants[name][0]]))
        const expected = all.filter((name) =>
          chosen.every((one) => (wants[one][1] as readonly string[]).includes(name))
        )
        expect(await names(wanted)).toEqual(expected)
      })
    )
  })

  it('is looked for no wider than it must be', async () => {
    await put('gpt1', { tags: ['a'] })
    await put('gpt2')
    await put('claude3')
    await put('gpt4', { kind: 'embedding' })
    const looked = async (wanted: Parameters<Inventory['list']>[0]): Promise<number> =>
      (await inventory.list(wanted)).looked
    expect(await looked({ tag: 'a', kind: 'llm' })).toBe(1)
    expect(await looked({ prefix: 'llm:gpt', kind: 'llm' })).toBe(2)
    expect(await looked({ kind: 'llm', model: 'gpt' })).toBe(2)
    expect(await looked({ kind: 'llm' })).toBe(3)
    expect(await looked({ model: 'gpt' })).toBe(3)
    expect(await looked({ text: 'gpt' })).toBe(4)
  })

  it('has nothing of another namespace, nor what is kept for an entry’s sake, nor what has expired', async () => {
    const key = await put('gpt1')
    await put('gpt2', { expiresAtMs: nowMs + 600_000, freshUntilMs: nowMs - 1 })
    await put('gpt3', { key: recordKey(key), kind: 'request' })
    await put('gpt4', { kind: 'vector' })
    const theirs = new Entries(store, { namespace: 'theirs' })
    const times = { storedAtMs: nowMs, freshUntilMs: nowMs + 60_000, expiresAtMs: nowMs + 60_000 }
    await theirs.put({ key: 'llm:gpt:5', kind: 'llm', ...times, tags: ['a'], body: Buffer.from('theirs') })
    for (const wanted of [{}, { kind: 'llm' }, { model: 'gpt' }, { prefix: 'llm:' }]) {
      expect(await names(wanted)).toEqual(['gpt2', 'gpt1'])
    }
    expect(await names({ tag: 'a' })).toEqual([])
    expect(await inventory.count({ all: true })).toBe(2)
  })

  it('stops at 5,000 looked at, and says so', async () => {
    const store = new ChaosStore()
    await entries.close()
    open(store)
    store.keys = async function* () {
      for (let batch = 0; batch < 30; batch++)
        yield Array.from({ length: 200 }, (_, at) => `default:llm:m:${batch}-${at}`)
    }
    const { looked, truncated } = await inventory.list({ text: 'none of them' })
    expect(truncated).toBe(true)
    expect(looked).toBeGreaterThanOrEqual(5000)
    expect(looked).toBeLessThan(5064)
  })

  it('is nothing where the store fails: whoever asks is told', async () => {
    const store = new ChaosStore()
    await entries.close()
    open(store)
    store.chaos = (operation) => {
      if (operation === 'keys') throw new Error('down')
    }
    await expect(inventory.list({})).rejects.toThrow('down')
    await expect(inventory.count({ all: true })).rejects.toThrow('down')
  })
})

describe('a text that is looked for', () => {
  it('is in the question or in the answer, whatever its case', async () => {
    await put('m1', { text: 'What is the Capital of France?', said: '{"content":"It is PARIS."}' })
    await put('m2', { text: 'Wie heißt die Hauptstadt?', said: '{"content":"Ærø, Ελλάδα, ΩΣ"}' })
    for (const text of ['capital of', 'CAPITAL', 'it is paris.']) expect(await names({ text })).toEqual(['m1'])
    for (const text of ['HEIßT', 'heißt', 'ÆRØ', 'ελλάδα']) expect(await names({ text }), text).toEqual(['m2'])
  })

  it.each([
    'say "hi"',
    'two\nlines\tand a tab',
    'C:\\temp\\new',
    '</script><script>alert(1)</script>',
    '.*+?^$ {}()|[]\\',
    '%00%2e%2e',
    '"; DROP TABLE entries; --',
    'ÄÖÜ ß €',
    '👩‍👩‍👧‍👦 and \u202Eright to left',
    '\u0000\u0001\u007f'
  ])('is found as it was said: %j', async (said) => {
    await put('m1', { said: JSON.stringify({ choices: [{ message: { content: `Well: ${said}!` } }] }) })
    await put('m2', { said: JSON.stringify({ content: 'something else' }) })
    // As some servers write what is not ASCII.
    const ascii = JSON.stringify({ content: said }).replace(
      /[^\x20-\x7e]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
    )
    await put('m3', { said: ascii })
    await put('m4', { text: said })
    expect(await names({ text: said })).toEqual(['m4', 'm3', 'm1'])
  })

  it('is looked for in what is no JSON, and in what is nested without end', async () => {
    await put('m1', { said: 'plain "words" \\ and no JSON' })
    const depth = 50_000
    await put('m2', { said: `${'['.repeat(depth)}"deep \\"words\\""${']'.repeat(depth)}` })
    expect(await names({ text: 'plain "words" \\' })).toEqual(['m1'])
    expect(await names({ text: 'words' })).toEqual(['m2', 'm1'])
  })
})

describe('one entry', () => {
  it('is found by its key', async () => {
    const key = await put('m1')
    expect(await inventory.get(key)).toMatchObject({ key, kind: 'llm' })
    expect(await inventory.get(`${key}0`)).toBeUndefined()
  })

  it('is not there under what no store takes, and the store has not failed', async () => {
    for (const key of ['', '\0', 'llm:m:\0', 'x'.repeat(2000), 'ü'.repeat(600)]) {
      expect(await inventory.get(key)).toBeUndefined()
    }
    expect(events.filter(({ type }) => type === 'failed')).toEqual([])
  })

  it('may have a request beside it that was kept', async () => {
    const key = await put('m1')
    expect(await inventory.recorded(key)).toBeUndefined()
    const kept = { record: { wire: 'openai-chat' }, scope: ['somewhere', 'alice'], tags: ['a'] }
    await put('m1', { key: recordKey(key), kind: 'request', said: JSON.stringify(kept) })
    expect(await inventory.recorded(key)).toEqual(kept)
    await put('m1', { key: recordKey(key), kind: 'request', said: '[]' })
    await expect(inventory.recorded(key)).rejects.toMatchObject({ code: 'internal' })
  })
})
