import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterPrefix,
  bytesOnDisk,
  decodeRecord,
  encodeRecord,
  hashOf,
  keyEncoder,
  kinds,
  maxTimeMs,
  nameOfHashed,
  nameOfTimed,
  tagKey,
  timedKey,
  vectorBytesOnDisk,
  vectorKey
} from './embedded-layout.ts'

const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((array) => Buffer.from(array))

describe('the layout of the embedded store', () => {
  it('sorts by time, and gives the name back', () => {
    const time = fc.integer({ min: 0, max: maxTimeMs })
    fc.assert(
      fc.property(time, time, bytes, bytes, (first, second, one, other) => {
        const [a, b] = [timedKey(kinds.byUse, first, one), timedKey(kinds.byUse, second, other)]
        if (first !== second) expect(Buffer.compare(a, b)).toBe(Math.sign(first - second))
        expect(nameOfTimed(a)).toEqual(one)
      })
    )
  })

  it('ends a range of keys with a prefix where it should', () => {
    fc.assert(
      fc.property(bytes, bytes, (prefix, other) => {
        const end = afterPrefix(prefix)
        expect(Buffer.compare(Buffer.concat([prefix, other]), end)).toBe(-1)
        const isWithin = Buffer.compare(other, prefix) >= 0 && Buffer.compare(other, end) < 0
        expect(isWithin).toBe(other.subarray(0, prefix.length).equals(prefix))
      })
    )
  })

  it('keeps records', () => {
    const record = { expiresAtMs: maxTimeMs, usedAtMs: 1_700_000_000_000, bytes: 5 * 1024 ** 3, tagCount: 70_000 }
    const partitionHash = hashOf('partition')
    expect(decodeRecord(encodeRecord({ ...record, partitionHash }))).toEqual({ ...record, partitionHash })
  })

  it('keeps records without a vector as they were before there were vectors', () => {
    const record = { expiresAtMs: maxTimeMs, usedAtMs: 1, bytes: 2, tagCount: 3, partitionHash: undefined }
    expect(encodeRecord(record).toString('hex')).toBe('ffffffffffff00000000000100000000000200000003')
    expect(decodeRecord(encodeRecord(record))).toEqual(record)
  })

  it('writes the key of an entry as it stands, of up to 1,024 bytes', () => {
    const target = Buffer.alloc(4096)
    const key = '日'.repeat(341)
    const end = keyEncoder.writeKey(key, target, 7)
    expect(keyEncoder.readKey(target, 7, end).toString()).toBe(`e${key}`)
    expect(end - 7).toBe(1024)
  })

  it('has no key longer than LMDB takes', () => {
    const name = Buffer.alloc(1024)
    expect(tagKey(Buffer.alloc(16), name).length).toBeLessThan(1978)
    expect(nameOfHashed(tagKey(Buffer.alloc(16), name))).toEqual(name)
    expect(vectorKey(hashOf('partition'), name).length).toBeLessThan(1978)
    expect(nameOfHashed(vectorKey(hashOf('partition'), name))).toEqual(name)
  })

  it('counts whole pages for what takes whole pages', () => {
    const page = 4096
    expect(bytesOnDisk(80, 1_000_000, 0, page)).toBeGreaterThan(1_000_000)
    expect(bytesOnDisk(80, 4073, 0, page) - bytesOnDisk(80, 4072, 0, page)).toBe(page)
    expect(bytesOnDisk(80, 100, 10, page)).toBeGreaterThan(bytesOnDisk(80, 100, 0, page))
    expect(vectorBytesOnDisk(80, 3078, page)).toBeGreaterThan(page)
    expect(vectorBytesOnDisk(80, 4102, page) - vectorBytesOnDisk(80, 3078, page)).toBe(page)
    // Two to a page, and never both places taken for long.
    expect(vectorBytesOnDisk(80, 1542, page)).toBeGreaterThan(page / 2)
    expect(vectorBytesOnDisk(80, 390, page)).toBeGreaterThan(390 + 80)
  })
})
