import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEntry, distinctBytes, type Entry, encodeEntry, isSameEntry } from './entry.ts'
import { createSeal, sealWithin } from './seal.ts'

const entry: fc.Arbitrary<Entry> = fc.record(
  {
    key: fc.string({ unit: 'grapheme' }),
    kind: fc.string(),
    storedAtMs: fc.nat(),
    freshUntilMs: fc.nat(),
    eagerFromMs: fc.nat(),
    revalidateUntilMs: fc.nat(),
    graceUntilMs: fc.nat(),
    mark: fc.nat(),
    expiresAtMs: fc.nat(),
    tags: fc.array(fc.string({ unit: 'grapheme' })),
    provider: fc.string(),
    usage: fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }),
    costUsd: fc.double({ min: 0, max: 100, noNaN: true }).map((cost) => cost + 0),
    body: fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 2040, maxLength: 5000 }))
  },
  { requiredKeys: ['key', 'kind', 'storedAtMs', 'freshUntilMs', 'expiresAtMs', 'tags', 'body'] }
)

describe('a stored entry', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(entry, (original) => {
        expect(comparable(decodeEntry(original.key, encodeEntry(original)))).toEqual(comparable(original))
      })
    )
  })

  it('of the time before entries named their windows is read as it was written', () => {
    const known = {
      key: 'text::0',
      kind: 'text',
      storedAtMs: 1_700_000_000_000,
      freshUntilMs: 1_700_000_060_000,
      expiresAtMs: 1_700_000_120_000,
      tags: []
    }
    // The bytes that an older version has left in a store.
    const bytes = Buffer.from(
      'UjEAAMBg/GF9AAAAaIgNsus07j17ImtleSI6InRleHQ6OjAiLCJraW5kIjoidGV4dCIsInN0b3JlZEF0TXMiOjE3MDAwMDAwMDAwMDAs' +
        'ImZyZXNoVW50aWxNcyI6MTcwMDAwMDA2MDAwMCwiZXhwaXJlc0F0TXMiOjE3MDAwMDAxMjAwMDAsInRhZ3MiOltdfWhlbGxv',
      'base64'
    )
    expect(decodeEntry(known.key, bytes)).toEqual({ ...known, body: Buffer.from('hello') })
  })

  it('is not an entry any more when any bit of it has changed, or any part is missing', () => {
    fc.assert(
      fc.property(entry, fc.nat(), fc.nat(7), (original, at, bit) => {
        const bytes = encodeEntry(original)
        const position = at % bytes.length
        const harmed = Buffer.from(bytes)
        harmed[position] = (harmed[position] ?? 0) ^ (1 << bit)
        expect(decodeEntry(original.key, harmed)).toBeUndefined()
        expect(decodeEntry(original.key, bytes.subarray(0, position))).toBeUndefined()
        expect(decodeEntry(`${original.key}x`, bytes)).toBeUndefined()
      })
    )
  })

  it('is never mistaken for one: arbitrary bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeEntry('k', bytes) === undefined))
  })
})

describe('a sealed entry', () => {
  const keys = [1, 2].map((byte) => ({ id: `key-${byte}`, key: new Uint8Array(32).fill(byte) }))
  const [one, two] = keys.map((key) => createSeal([key]))
  if (one === undefined || two === undefined) throw new Error('no seals')
  const both = createSeal([...keys].reverse())

  it('comes back as it was, whichever of the known keys it was sealed under', () => {
    fc.assert(
      fc.property(entry, (original) => {
        expect(comparable(decodeEntry(original.key, encodeEntry(original, one), one))).toEqual(comparable(original))
        expect(comparable(decodeEntry(original.key, encodeEntry(original, one), both))).toEqual(comparable(original))
        expect(comparable(decodeEntry(original.key, encodeEntry(original, both), two))).toEqual(comparable(original))
      })
    )
  })

  it('is never given out when any bit of it has changed, any part is missing, or it lies under another key', () => {
    fc.assert(
      fc.property(entry, fc.nat(), fc.nat(7), (original, at, bit) => {
        const bytes = encodeEntry(original, one)
        const position = at % bytes.length
        const harmed = Buffer.from(bytes)
        harmed[position] = (harmed[position] ?? 0) ^ (1 << bit)
        const cut = bytes.subarray(0, position)
        for (const wrong of [harmed, cut]) expect(typeof decodeEntry(original.key, wrong, one)).not.toBe('object')
        expect(decodeEntry(`${original.key}x`, bytes, one)).toBeUndefined()
        // Behind what names the key it is corrupt, and may be deleted.
        if (position >= 8 && (position < 20 || position >= 25)) {
          expect(decodeEntry(original.key, harmed, one)).toBeUndefined()
        }
      })
    )
  })

  it('in which another was put in its place under the same key of the store is corrupt', () => {
    const seals = ['mine:', 'theirs:'].map((namespace) => sealWithin(both, namespace))
    const bytes = encodeEntry(plain, seals[1])
    expect(decodeEntry(plain.key, bytes, seals[1])).toMatchObject({ key: plain.key })
    expect(decodeEntry(plain.key, bytes, seals[0])).toBeUndefined()
  })

  it('is foreign, and neither corrupt nor there, to one who has no seal, or not its key', () => {
    fc.assert(
      fc.property(entry, (original) => {
        expect(decodeEntry(original.key, encodeEntry(original, two))).toBe('foreign')
        expect(decodeEntry(original.key, encodeEntry(original, two), one)).toBe('foreign')
        const namesake = createSeal([{ id: 'key-2', key: new Uint8Array(32).fill(3) }])
        expect(decodeEntry(original.key, encodeEntry(original, two), namesake)).toBe('foreign')
      })
    )
  })

  it('is the only one there for one who has a seal: what anybody could have written is foreign', () => {
    fc.assert(
      fc.property(entry, (original) => {
        expect(decodeEntry(original.key, encodeEntry(original), one)).toBe('foreign')
      })
    )
  })

  it('is known again by its first bytes and its length, and told from the same entry sealed anew', () => {
    const bytes = encodeEntry(plain, one)
    expect(isSameEntry(bytes, Buffer.from(bytes))).toBe(true)
    const again = encodeEntry(plain, one)
    expect([again.length, isSameEntry(bytes, again)]).toEqual([bytes.length, false])
    expect(bytes.subarray(0, distinctBytes).equals(again.subarray(0, distinctBytes))).toBe(false)
  })

  it('is compressed before: what says little takes little', () => {
    const body = Buffer.alloc(100_000, 'again and again ')
    expect(encodeEntry({ ...plain, body }, one).length).toBeLessThan(3000)
  })

  it('shows neither its text nor its answer', () => {
    const bytes = encodeEntry({ ...plain, text: 'a secret question', body: Buffer.from('a secret answer') }, one)
    expect(bytes.includes('secret')).toBe(false)
    expect(bytes.includes(plain.key)).toBe(false)
  })
})

const plain: Entry = {
  key: 'llm:gpt-4o-mini:0123',
  kind: 'llm',
  storedAtMs: 1,
  freshUntilMs: 2,
  expiresAtMs: 3,
  tags: [],
  body: Buffer.from('an answer')
}

/** However its body's bytes are held. */
function comparable(found: Entry | 'foreign' | undefined): unknown {
  return typeof found === 'object' ? { ...found, body: Buffer.from(found.body) } : found
}
