import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rawField } from './raw-field.ts'

function raw(text: string, field: string): string {
  return rawField(Buffer.from(text), field).toString()
}

describe('rawField', () => {
  it.each([
    ['{"request": {"n": 12345678901234567890, "x":1.0 } ,"z":0}', '{"n": 12345678901234567890, "x":1.0 }'],
    ['{"a":"request","request":"\\u00e4 \\" }"}', '"\\u00e4 \\" }"'],
    ['{"request":0}', '0'],
    ['{"request":1 }', '1'],
    ['{"re\\u0071uest":[0,1]}', '[0,1]']
  ])('gives the bytes of a value as they were written: %s', (text, value) => {
    expect(raw(text, 'request')).toBe(value)
  })

  it('gives what was written, whatever it is and wherever it stands', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), fc.nat(), (object, value, indent) => {
        const { field: _, ...rest } = object
        const text = JSON.stringify({ ...rest, field: value, last: 1 }, undefined, indent % 3)
        expect(JSON.parse(raw(text, 'field'))).toEqual(JSON.parse(JSON.stringify(value)))
        expect(text).toContain(raw(text, 'field'))
      })
    )
  })

  it('refuses a field that is there twice, or not at all', () => {
    expect(() => raw('{"request":{},"request":{}}', 'request')).toThrow('request once, got it several times')
    expect(() => raw('{"body":{}}', 'request')).toThrow('request once, got it not at all')
    expect(() => raw('{}', 'request')).toThrow('request once, got it not at all')
  })
})
