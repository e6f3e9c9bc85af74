import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEntry, type Entry, encodeEntry } from './entry.ts'

const entry: fc.Arbitrary<Entry> = fc.record(
  {
    key: fc.string({ unit: 'grapheme' }),
    kind: fc.string(),
    storedAtMs: fc.nat(),
    freshUntilMs: fc.nat(),
    eagerFromMs: fc.nat(),
    revalidateUntilMs: fc.nat(),
    graceUntilMs: fc.nat(),
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
        const decoded = decodeEntry(original.key, encodeEntry(original))
        expect(decoded && { ...decoded, body: Buffer.from(decoded.body) }).toEqual({
          ...original,
          body: Buffer.from(original.body)
        })
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
