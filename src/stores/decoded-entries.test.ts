import { describe, expect, it } from 'vitest'
import { DecodedEntries } from './decoded-entries.ts'
import { type Entry, encodeEntry } from './entry.ts'
import { createSeal, parseSealKeys } from './seal.ts'

const key = 'llm:gpt-4o:0123'
const stored = `default:${key}`

function entryOf(body: string): Entry {
  const storedAtMs = Date.now()
  const until = storedAtMs + 60_000
  return { key, kind: 'llm', storedAtMs, freshUntilMs: until, expiresAtMs: until, tags: [], body: Buffer.from(body) }
}

describe('what was decoded lately', () => {
  it('is given back for the same bytes, and not for others under the same key', () => {
    const decoded = new DecodedEntries(undefined)
    const bytes = encodeEntry(entryOf('one'))
    const first = decoded.read(key, stored, bytes, undefined)
    expect(first).toMatchObject({ key, body: Buffer.from('one') })
    expect(decoded.read(key, stored, Buffer.from(bytes), decoded.get(key))).toBe(first)
    const second = decoded.read(key, stored, encodeEntry(entryOf('two')), decoded.get(key))
    expect(second).toMatchObject({ body: Buffer.from('two') })
    expect(decoded.get(key)?.entry).toBe(second)
  })

  it('tells two entries apart that say the same: each was drawn a number', () => {
    const decoded = new DecodedEntries(undefined)
    const entry = entryOf('one')
    const first = decoded.read(key, stored, encodeEntry(entry), undefined)
    expect(decoded.read(key, stored, encodeEntry(entry), decoded.get(key))).not.toBe(first)
  })

  it('is a copy: the store may write over its bytes', () => {
    const decoded = new DecodedEntries(undefined)
    const bytes = encodeEntry(entryOf('one'))
    const entry = decoded.read(key, stored, bytes, undefined)
    bytes.fill(0)
    expect(entry).toMatchObject({ body: Buffer.from('one') })
    expect(decoded.get(key)?.bytes.equals(bytes)).toBe(false)
  })

  it('remembers nothing of what is corrupt, and forgets nothing for it', () => {
    const decoded = new DecodedEntries(undefined)
    const good = decoded.read(key, stored, encodeEntry(entryOf('one')), undefined)
    const spoilt = encodeEntry(entryOf('two'))
    spoilt[spoilt.length - 1] = 0
    expect(decoded.read(key, stored, spoilt, decoded.get(key))).toBeUndefined()
    expect(decoded.get(key)?.entry).toBe(good)
    expect(decoded.read('llm:gpt-4o:9999', stored, encodeEntry(entryOf('one')), undefined)).toBeUndefined()
  })

  it('remembers nothing of what is sealed for others, nor of what is not sealed where it should be', () => {
    const seal = createSeal(parseSealKeys(`a:${Buffer.alloc(32, 1).toString('base64')}`))
    const other = createSeal(parseSealKeys(`b:${Buffer.alloc(32, 2).toString('base64')}`))
    const decoded = new DecodedEntries(seal)
    expect(decoded.read(key, stored, encodeEntry(entryOf('one'), other), undefined)).toBe('foreign')
    expect(decoded.read(key, stored, encodeEntry(entryOf('one')), undefined)).toBe('foreign')
    expect(decoded.get(key)).toBeUndefined()
    expect(decoded.read(key, stored, encodeEntry(entryOf('one'), seal), undefined)).toMatchObject({ key })
    expect(decoded.get(key)?.stored).toBe(stored)
  })
})
