import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { duration, progressBar } from './progress-bar.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function terminal(columns = 80) {
  const written: string[] = []
  return { written, isTTY: true, columns, write: (text: string) => written.push(text) }
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g')

/** What stands in the line that was drawn last. */
function shown({ written }: { written: string[] }): string {
  return (written.at(-1) ?? '').replaceAll(escapes, '').replace(/^\r/, '')
}

describe('progressBar on a terminal', () => {
  it('shows how many of how many, and what else there is to say', () => {
    const stream = terminal()
    progressBar({ total: 200, stream, environment: {} }).update(50, ['30 hits', '20 asked'])
    expect(shown(stream)).toBe(`${'█'.repeat(8)}${'░'.repeat(22)} 50/200 25%  30 hits  20 asked`)
  })

  it('is drawn at most 10 times a second, and shows the last state all the same', () => {
    const stream = terminal()
    const bar = progressBar({ total: 1000, stream, environment: {} })
    for (let done = 1; done <= 1000; done++) {
      bar.update(done)
      vi.advanceTimersByTime(1)
    }
    expect(stream.written.length).toBeLessThanOrEqual(11)
    expect(stream.written.length).toBeGreaterThanOrEqual(9)
    vi.advanceTimersByTime(100)
    expect(shown(stream)).toContain('1000/1000 100%')
  })

  it('says how fast it goes and how long it takes, by what was done lately', () => {
    const stream = terminal(120)
    const bar = progressBar({ total: 1000, stream, environment: {} })
    // Hits to begin with, and then slowly.
    for (let step = 0; step <= 10; step++) {
      bar.update(step * 50)
      vi.advanceTimersByTime(100)
    }
    for (let step = 0; step < 40; step++) {
      vi.advanceTimersByTime(500)
      bar.update(500 + step)
    }
    expect(shown(stream)).toMatch(/ 539\/1000 53% {2}2\.0\/s {2}3 min 5\d s left$/)
  })

  it.each([20, 30, 45, 60, 79, 200])(
    'never fills the last of %i columns, and leaves out the last parts first',
    (columns) => {
      const stream = terminal(columns)
      const bar = progressBar({ total: 100, stream, environment: {} })
      for (const done of [0, 33, 100]) {
        bar.update(done, ['1234 hits', '5678 asked', '9 failed', '$12.3456'])
        vi.advanceTimersByTime(1000)
        expect(shown(stream).length).toBeLessThan(columns)
        expect(shown(stream)).toContain(`${done}/100`)
      }
      expect(shown(stream).includes('9 failed')).toBe(columns >= 60)
    }
  )

  it('takes itself away, and is drawn again below a line that stays', () => {
    const stream = terminal()
    const bar = progressBar({ total: 10, stream, environment: {} })
    bar.print('before')
    bar.update(1)
    bar.print('line 7 failed')
    expect(stream.written.slice(0, 1)).toEqual(['before\n'])
    expect(stream.written.at(-2)).toBe('\r\u001b[Kline 7 failed\n')
    expect(shown(stream)).toContain('1/10')
    bar.update(2)
    bar.end()
    expect(stream.written.at(-1)).toBe('\r\u001b[K')
    const { length } = stream.written
    vi.advanceTimersByTime(10_000)
    expect(stream.written).toHaveLength(length)
  })

  it('has colours unless NO_COLOR says otherwise', () => {
    const [coloured, plain, empty] = [terminal(), terminal(), terminal()]
    progressBar({ total: 2, stream: coloured, environment: {} }).update(1)
    progressBar({ total: 2, stream: plain, environment: { NO_COLOR: '1' } }).update(1)
    progressBar({ total: 2, stream: empty, environment: { NO_COLOR: '' } }).update(1)
    expect(coloured.written.join('')).toContain('\u001b[32m')
    expect(plain.written.join('')).not.toContain('\u001b[32m')
    expect(plain.written.join('')).toContain('█')
    expect(empty.written).toEqual(coloured.written)
  })

  it('is whole where there is nothing to do', () => {
    const stream = terminal()
    progressBar({ total: 0, stream, environment: { NO_COLOR: '1' } }).update(0)
    expect(shown(stream)).toBe(`${'█'.repeat(30)} 0/0 100%`)
  })
})

describe('progressBar elsewhere', () => {
  it.each([
    ['a file', { isTTY: false }, {}],
    ['a terminal that can do nothing', { isTTY: true }, { TERM: 'dumb' }]
  ])('writes a line every five seconds: %s', (_, kind, environment) => {
    const written: string[] = []
    const stream = { ...kind, write: (text: string) => written.push(text) }
    const bar = progressBar({ total: 100, stream, environment })
    for (let second = 0; second <= 11; second++) {
      bar.update(second, ['1 hits'])
      vi.advanceTimersByTime(1000)
    }
    bar.end()
    expect(written).toEqual([
      '5/100 5%, 1 hits, 1.0/s, 1 min 35 s left\n',
      '10/100 10%, 1 hits, 1.0/s, 1 min 30 s left\n'
    ])
    bar.print('a line')
    expect(written.at(-1)).toBe('a line\n')
  })
})

describe('duration', () => {
  it.each([
    [0, '0 s'],
    [6.2, '7 s'],
    [60, '1 min 0 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
    [3 * 86_400 + 4 * 3600 + 59, '3 d 4 h']
  ])('says %f seconds in words', (seconds, words) => {
    expect(duration(seconds)).toBe(words)
  })
})
