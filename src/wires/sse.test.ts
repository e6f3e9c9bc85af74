import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Delta } from '../core/handler.ts'
import { readEvents, writeEvent } from './sse.ts'

function read(...chunks: readonly (string | Uint8Array)[]): Delta[] {
  const deltas: Delta[] = []
  const reader = readEvents((delta) => deltas.push(delta))
  for (const chunk of chunks) reader.feed(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  return deltas
}

describe('readEvents', () => {
  it('reads names and data, and leaves data as it is', () => {
    expect(read('event: message_start\ndata: {"a": 1}\n\ndata:  two spaces\n\n')).toEqual([
      { event: 'message_start', data: '{"a": 1}' },
      { data: ' two spaces' }
    ])
  })

  it('joins the lines of one event', () => {
    expect(read('data: {\ndata:   "a": 1\ndata: }\n\n')).toEqual([{ data: '{\n  "a": 1\n}' }])
  })

  it('tells of comments', () => {
    expect(read(': OPENROUTER PROCESSING\n\ndata: x\n\n:\n')).toEqual([
      { comment: true, data: 'OPENROUTER PROCESSING' },
      { data: 'x' },
      { comment: true, data: '' }
    ])
  })

  it('ignores a byte order mark, identifiers, retry times and unknown fields', () => {
    expect(read('\ufeffid: 7\nretry: 10\ncolour: red\ndata: x\n\n')).toEqual([{ data: 'x' }])
  })

  it('does not tell of an event that lacks its blank line', () => {
    expect(read('data: whole\n\ndata: cut off\n')).toEqual([{ data: 'whole' }])
  })

  it('does not tell of an event without data', () => {
    expect(read('event: nothing\n\ndata\n\n')).toEqual([{ data: '' }])
  })

  it('does not wait for what follows a carriage return', () => {
    expect(read('data: x\r\r')).toEqual([{ data: 'x' }])
    expect(read('data: x\r\n\r', '\ndata: y\r\n\r\n')).toEqual([{ data: 'x' }, { data: 'y' }])
  })

  it('puts characters together that were cut', () => {
    const bytes = Buffer.from('data: 😀\n\n')
    expect(read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual([{ data: '😀' }])
  })

  const text = fc.string({ unit: 'binary', maxLength: 20 })
  const anyDelta: fc.Arbitrary<Delta> = fc.oneof(
    text.map((data) => ({ data: data.replaceAll('\r', '\n') })),
    fc.record({
      event: text.map((name) => `e${name.replace(/[\r\n]/g, '')}`),
      data: text.map((data) => data.replaceAll('\r', '\n'))
    }),
    text.map((data) => ({ comment: true as const, data: data.replace(/[\r\n]/g, ' ') }))
  )
  const anyStream = fc.record({
    deltas: fc.array(anyDelta, { maxLength: 6 }),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    cuts: fc.array(fc.nat(300), { maxLength: 20 })
  })

  it('reads what writeEvent has written, however the bytes are cut and the lines end', () => {
    fc.assert(
      fc.property(anyStream, ({ deltas, lineEnd, cuts }) => {
        const bytes = Buffer.from(deltas.map(writeEvent).join('').replaceAll('\n', lineEnd))
        const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const chunks = ends.map((end, place) => bytes.subarray(ends[place - 1] ?? 0, end))
        expect(read(...chunks)).toEqual(deltas)
        expect(read(bytes)).toEqual(deltas)
      }),
      { numRuns: 500 }
    )
  })
})

describe('writeEvent', () => {
  it('writes an event', () => {
    expect(writeEvent({ event: 'ping', data: '{}' })).toBe('event: ping\ndata: {}\n\n')
    expect(writeEvent({ data: '[DONE]' })).toBe('data: [DONE]\n\n')
  })

  it('writes a line for each line of the data', () => {
    expect(writeEvent({ data: 'a\nb\r\nc' })).toBe('data: a\ndata: b\ndata: c\n\n')
  })

  it('writes a comment', () => {
    expect(writeEvent({ comment: true, data: 'keep-alive' })).toBe(': keep-alive\n\n')
  })
})
