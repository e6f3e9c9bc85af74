import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safetensors, withHeader } from '../../test/support/static-model.ts'
import { RepriseError } from '../core/errors.ts'
import { readSafetensors } from './safetensors.ts'

const file = safetensors({
  first: { dtype: 'I8', shape: [3], numbers: [1, 2, 3] },
  second: { dtype: 'F32', shape: [2, 2], numbers: [1, 2, 3, 4] }
})

function read(bytes: Uint8Array): string {
  try {
    return [...readSafetensors(bytes, 'model.safetensors').keys()].join()
  } catch (error) {
    expect(error).toBeInstanceOf(RepriseError)
    expect(error).toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('model.safetensors: expected')
    })
    return 'refused'
  }
}

describe('readSafetensors', () => {
  it('reads tensors by name, also where one does not begin at a multiple of its width', () => {
    const tensors = readSafetensors(file, 'model.safetensors')
    expect([...tensors.keys()]).toEqual(['first', 'second'])
    const second = tensors.get('second')
    expect(second).toMatchObject({ dtype: 'F32', shape: [2, 2] })
    const { buffer, byteOffset } = second?.bytes ?? new Uint8Array()
    expect([...new Float32Array(buffer, byteOffset, 4)]).toEqual([1, 2, 3, 4])
  })

  it('takes a type that it does not know, for others may be wanted', () => {
    const tensors = readSafetensors(safetensors({ odd: { dtype: 'F8_E4M3', shape: [2], numbers: [1, 2] } }), 'x')
    expect(tensors.get('odd')?.bytes).toHaveLength(2)
  })

  it('refuses a file that breaks off, wherever it does', () => {
    for (let length = 0; length < file.length; length++) expect(read(file.subarray(0, length))).toBe('refused')
  })

  it.each([
    ['a length beyond the file', Buffer.from([255, 255, 255, 255, 0, 0, 0, 0, 123, 125])],
    ['a length beyond all numbers', Buffer.alloc(64, 255)],
    ['a header that is a list', withHeader('[]', Buffer.alloc(0))],
    ['a header that is no JSON', withHeader('{"a":', Buffer.alloc(0))],
    ['a tensor that is null', withHeader('{"a":null}', Buffer.alloc(0))],
    ['a shape that does not fit its bytes', entry({ shape: [3] })],
    ['a shape below zero', entry({ shape: [-1, -2] })],
    ['a shape too large to count', entry({ shape: [2 ** 52, 2 ** 52] })],
    ['offsets in the wrong order', entry({ data_offsets: [8, 0] })],
    ['offsets beyond the data', entry({ data_offsets: [0, 9], dtype: 'U8', shape: [9] })],
    ['offsets that are no numbers', entry({ data_offsets: ['0', '8'] })],
    ['a type that is none', entry({ dtype: 7 })]
  ])('refuses %s', (_, bytes) => {
    expect(read(bytes)).toBe('refused')
  })

  it('refuses or reads whatever the bytes are, and never fails otherwise', () => {
    const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Uint8Array.from(file)
        for (const [at, value] of changes) bytes[at] = value
        read(bytes)
      }),
      { numRuns: 500 }
    )
  })
})

function entry(changes: Readonly<Record<string, unknown>>): Buffer {
  return withHeader(
    JSON.stringify({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...changes } }),
    Buffer.alloc(8)
  )
}
