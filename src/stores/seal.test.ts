import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeal, isSealed, parseSealKeys, sealWithin } from './seal.ts'

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
const seal = createSeal([{ id: 'one', key: key(1) }])
const anything = fc.uint8Array({ maxLength: 3000 })
const about = fc.string({ unit: 'binary' })

describe('a seal', () => {
  it('gives back what was sealed', () => {
    fc.assert(
      fc.property(anything, about, keyBytes, fc.stringMatching(/^[\w.-]{1,32}$/), (bytes, what, own, id) => {
        const its = createSeal([{ id, key: own }])
        const sealed = its.seal(bytes, what)
        expect(its.open(sealed, what)).toEqual(Buffer.from(bytes))
        expect([its.knows(sealed), isSealed(sealed)]).toEqual([true, true])
      })
    )
  })

  it('opens nothing of which any bit has changed, or any part is missing or added', () => {
    fc.assert(
      fc.property(anything, about, fc.nat(), fc.nat(7), (bytes, what, at, bit) => {
        const sealed = seal.seal(bytes, what)
        const position = at % sealed.length
        const harmed = Buffer.from(sealed)
        harmed[position] = (harmed[position] ?? 0) ^ (1 << bit)
        expect(seal.open(harmed, what)).toBeUndefined()
        expect(seal.open(sealed.subarray(0, position), what)).toBeUndefined()
        expect(seal.open(Buffer.concat([sealed, Buffer.from([bit])]), what)).toBeUndefined()
      })
    )
  })

  it('does not open about something else what was sealed about one thing', () => {
    fc.assert(
      fc.property(anything, about, about, (bytes, what, other) => {
        fc.pre(Buffer.from(what).compare(Buffer.from(other)) !== 0)
        expect(seal.open(seal.seal(bytes, what), other)).toBeUndefined()
      })
    )
  })

  it('does not open with another key, whatever it is called', () => {
    fc.assert(
      fc.property(anything, keyBytes, (bytes, other) => {
        fc.pre(Buffer.compare(other, key(1)) !== 0)
        const sealed = seal.seal(bytes, 'it')
        for (const id of ['one', 'two']) {
          const its = createSeal([{ id, key: other }])
          expect(its.open(sealed, 'it')).toBeUndefined()
          // Not harmed: under a key that is not known here.
          expect(its.knows(sealed)).toBe(false)
        }
      })
    )
  })

  it('does not throw at arbitrary bytes', () => {
    fc.assert(
      fc.property(anything, fc.boolean(), (bytes, magic) => {
        if (magic) bytes.set([0x52, 0x32].slice(0, bytes.length))
        expect(seal.open(bytes, 'it')).toBeUndefined()
        expect(seal.knows(bytes)).toBe(false)
      })
    )
  })

  it('lets nothing be seen: no 8 bytes in a row of what was sealed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 500 }), (bytes) => {
        const sealed = seal.seal(bytes, 'it')
        for (let at = 0; at + 8 <= bytes.length; at++)
          expect(sealed.includes(Buffer.from(bytes.subarray(at, at + 8)))).toBe(false)
      })
    )
  })

  it('draws a nonce each time: the same is never sealed into the same bytes, from the first 20 on', () => {
    const beginnings = Array.from({ length: 1000 }, () => seal.seal(Buffer.from('same'), 'it').toString('hex', 0, 20))
    expect(new Set(beginnings).size).toBe(1000)
  })

  it('known harmed bytes are told from those under a key that is not known', () => {
    const sealed = seal.seal(Buffer.from('text'), 'it')
    sealed[sealed.length - 1] = (sealed[sealed.length - 1] ?? 0) ^ 1
    expect([seal.knows(sealed), seal.open(sealed, 'it')]).toEqual([true, undefined])
  })

  it('of one namespace opens nothing of another', () => {
    const [mine, theirs] = [sealWithin(seal, 'mine:'), sealWithin(seal, 'theirs:')]
    const sealed = mine.seal(Buffer.from('text'), 'it')
    expect(mine.open(sealed, 'it')?.toString()).toBe('text')
    expect(theirs.open(sealed, 'it')).toBeUndefined()
    expect(theirs.knows(sealed)).toBe(true)
    expect(seal.open(sealed, 'mine:it')?.toString()).toBe('text')
  })
})

describe('keys that change', () => {
  const [old, fresh] = [
    { id: '2026-01', key: key(1) },
    { id: '2026-02', key: key(2) }
  ] as const
  const text = Buffer.from('text')

  it('seal with the first and open with all', () => {
    const before = createSeal([old])
    const during = createSeal([fresh, old])
    const after = createSeal([fresh])
    expect(during.open(before.seal(text, 'it'), 'it')).toEqual(text)
    expect(after.open(during.seal(text, 'it'), 'it')).toEqual(text)
    expect(before.open(during.seal(text, 'it'), 'it')).toBeUndefined()
    expect(before.knows(during.seal(text, 'it'))).toBe(false)
    // Opens before it seals, so that the processes of a fleet can be given it one after the other.
    const careful = createSeal([old, fresh])
    expect(before.open(careful.seal(text, 'it'), 'it')).toEqual(text)
    expect(careful.open(during.seal(text, 'it'), 'it')).toEqual(text)
  })

  it.each([
    ['none', []],
    ['two with one id', [old, { id: old.id, key: key(3) }]],
    ['a key of 31 bytes', [{ id: 'short', key: new Uint8Array(31) }]],
    ['a key of 33 bytes', [{ id: 'long', key: new Uint8Array(33) }]],
    ['an id that is empty', [{ id: '', key: key(1) }]],
    ['an id of 33 letters', [{ id: 'x'.repeat(33), key: key(1) }]],
    ['an id with other characters', [{ id: 'a:b', key: key(1) }]]
  ])('are refused: %s', (_, keys) => {
    expect(() => createSeal(keys)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })
})

describe('keys as they are configured', () => {
  it('are read from base64, its form for URLs, and hexadecimal, with and without an id', () => {
    fc.assert(
      fc.property(keyBytes, (bytes) => {
        const buffer = Buffer.from(bytes)
        const id = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
        for (const encoding of ['base64', 'base64url', 'hex'] as const) {
          const written = buffer.toString(encoding)
          expect(parseSealKeys(written)).toEqual([{ id, key: buffer }])
          expect(parseSealKeys(` a.b-c_1 : ${written} `)).toEqual([{ id: 'a.b-c_1', key: buffer }])
        }
      })
    )
  })

  it('are several with commas between them, the first of which seals', () => {
    const [one, two] = [key(1), key(2)].map((bytes) => Buffer.from(bytes).toString('base64')) as [string, string]
    const keys = parseSealKeys(`new:${two},old:${one}`)
    expect(keys.map(({ id }) => id)).toEqual(['new', 'old'])
    expect(createSeal(parseSealKeys(`new:${two}`)).knows(createSeal(keys).seal(Buffer.from('x'), 'it'))).toBe(true)
  })

  const secret = Buffer.from(key(7)).toString('base64')
  it.each([
    ['', 'got nothing'],
    ['id:', 'got nothing'],
    [`k:${secret},`, 'key 2 of 2'],
    [`${secret.slice(4)}`, 'got 40 characters'],
    [`k:${secret}${secret}`, 'got 88 characters'],
    [`k:${secret.slice(0, 42)}B=`, 'got 44 characters']
  ])('are refused with a reason and never repeated: %s', (text, reason) => {
    const thrown = thrownBy(() => createSeal(parseSealKeys(text)))
    expect(thrown).toMatchObject({ code: 'invalid-option' })
    expect(thrown.message).toContain(reason)
    expect(thrown.message).not.toContain(secret.slice(0, 8))
  })

  it('that stand where the id should are not repeated either', () => {
    const thrown = thrownBy(() => createSeal(parseSealKeys(`${secret}:${secret}`)))
    expect(thrown.message).toContain('got 44 characters that are not')
    expect(thrown.message).not.toContain(secret.slice(0, 8))
  })
})

function thrownBy(act: () => unknown): Error {
  try {
    act()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
