import { describe, expect, it } from 'vitest'
import { clipped, countGroups, countRecord, shortName } from './groups.ts'

describe('groups', () => {
  it('counts by name, and what comes after the last place together', () => {
    const groups = countGroups(2)
    for (const name of ['a', 'b', 'c', 'a', 'd', 'b', 'other']) groups.of(name).value += 1
    expect(countRecord(groups)).toEqual({ a: 2, b: 2, other: 3 })
  })

  it('gives the same counts for the same name', () => {
    const groups = countGroups(1)
    expect(groups.of('a')).toBe(groups.of('a'))
    expect(groups.of('b')).toBe(groups.of('c'))
  })

  it('holds as many as it may, whatever it is asked for', () => {
    const groups = countGroups(200)
    for (let number = 0; number < 100_000; number++) groups.of(`model-${number}`).value += 1
    const record = countRecord(groups)
    expect(Object.keys(record)).toHaveLength(201)
    expect(record['other']).toBe(99_800)
  })

  it('keeps the beginning of a long name, and counts there again', () => {
    const groups = countGroups(2)
    for (const end of ['x', 'y']) groups.of('long'.repeat(1000) + end).value += 1
    expect(countRecord(groups)).toEqual({ ['long'.repeat(50)]: 2 })
  })

  it('counts names that mean something to objects, and names that are not well-formed, like others', () => {
    const groups = countGroups(9)
    for (const name of ['__proto__', 'constructor', '__proto__', 'half \ud800', 'half \ud800'])
      groups.of(name).value += 1
    expect(Object.entries(countRecord(groups))).toEqual([
      ['__proto__', 2],
      ['constructor', 1],
      ['half \ufffd', 2]
    ])
  })
})

describe('clipping', () => {
  it('leaves a short text and cuts a long one', () => {
    expect(clipped('short', 10)).toBe('short')
    expect(clipped('a long text', 6)).toBe('a long')
    expect(shortName('x'.repeat(201))).toHaveLength(200)
  })

  it('leaves no half of a character that takes two', () => {
    expect(clipped('ab😀', 3)).toBe('ab\ufffd')
  })
})
