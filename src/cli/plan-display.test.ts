import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AtomSettled } from '../plans/plan-event.ts'
import { columnsOf } from './columns.ts'
import { planDisplay, planLines } from './plan-display.ts'
import { RunTally } from './run-tally.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const escapeCharacter = String.fromCharCode(27)

/** Of a terminal, what can be seen: what is written over is gone. */
class Terminal {
  readonly isTTY = true
  columns: number
  rows = 24
  writes = 0
  lines: string[] = ['']
  #row = 0
  #column = 0

  constructor(columns = 80) {
    this.columns = columns
  }

  write(text: string): void {
    this.writes += 1
    const parts = text.matchAll(new RegExp(`${escapeCharacter}\\[(\\d*)([A-Za-z])|([\\s\\S])`, 'gu'))
    for (const [, count, code, character] of parts) {
      if (character === '\r') this.#column = 0
      else if (character === '\n') {
        this.#row += 1
        this.#column = 0
        this.lines[this.#row] ??= ''
      } else if (character !== undefined) this.#put(character)
      else if (code === 'A') this.#row -= Number(count)
      else if (code === 'K') this.lines[this.#row] = (this.lines[this.#row] ?? '').slice(0, this.#column)
      else if (code === 'J') {
        this.lines[this.#row] = (this.lines[this.#row] ?? '').slice(0, this.#column)
        this.lines.length = this.#row + 1
      }
    }
  }

  #put(character: string): void {
    const line = this.lines[this.#row] ?? ''
    this.lines[this.#row] = line.slice(0, this.#column).padEnd(this.#column) + character + line.slice(this.#column + 1)
    this.#column += 1
  }
}

function settled(atom: string, wave: number, more: Partial<AtomSettled> = {}): AtomSettled {
  return {
    type: 'atom-settled',
    atom,
    wave,
    outcome: 'answered',
    layer: 'provider',
    hit: false,
    costUsd: 0.01,
    ...more
  }
}

/** Three waves, the first of them over, the second under way. */
function halfway(): RunTally {
  const tally = new RunTally([2, 4, 2], 4)
  tally.note(settled('a', 1, { tookMs: 2000 }))
  tally.note(settled('b', 1, { hit: true, layer: 'exact', costUsd: 0, savedUsd: 0.02, tookMs: 1 }))
  tally.note(settled('c', 2, { outcome: 'failed', costUsd: 0 }))
  tally.note({ type: 'atom-begun', atom: 'outline', wave: 2 })
  tally.note({ type: 'atom-begun', atom: '章の要約', wave: 2 })
  tally.note({ type: 'atom-begun', atom: 'summary', wave: 2 })
  return tally
}

const plain = { rows: 24, isColoured: false }

describe('planLines', () => {
  it('shows each wave, all of them, the time left and what is under way', () => {
    expect(planLines(halfway(), { ...plain, columns: 80, nowMs: Date.now() })).toEqual([
      'wave 1  ████████████████████████  2/2  1 hit            $0.0100  saved $0.0200',
      'wave 2  ██████░░░░░░░░░░░░░░░░░░  1/4         1 failed',
      'wave 3  ░░░░░░░░░░░░░░░░░░░░░░░░  0/2',
      'all     █████████░░░░░░░░░░░░░░░  3/8  1 hit  1 failed  $0.0100  saved $0.0200',
      'about 3 s left, asking outline, 章の要約, summary'
    ])
  })

  it.each([1, 2, 8, 12, 20, 30, 40, 60, 79, 80, 200])('never fills the last of %i columns', (columns) => {
    for (const line of planLines(halfway(), { ...plain, columns, nowMs: Date.now() })) {
      expect(columnsOf(line)).toBeLessThan(Math.max(1, columns))
    }
  })

  it('leaves out the last figures where it is narrow, names fewer atoms, and cuts what is wide right', () => {
    expect(planLines(halfway(), { ...plain, columns: 40, nowMs: Date.now() })).toEqual([
      'wave 1  █████████  2/2  1 hit',
      'wave 2  ██░░░░░░░  1/4         1 failed',
      'wave 3  ░░░░░░░░░  0/2',
      'all     ███░░░░░░  3/8  1 hit  1 failed',
      'about 3 s left, asking outline and 2 m…'
    ])
  })

  it('says how long an atom has been asked when that is long', () => {
    const tally = halfway()
    vi.advanceTimersByTime(12_000)
    expect(planLines(tally, { ...plain, columns: 80, nowMs: Date.now() }).at(-1)).toContain(
      'outline 12 s, 章の要約 12 s'
    )
  })

  it('gathers waves that are over, and those that come later, when there are many', () => {
    const tally = new RunTally(Array(30).fill(2), 4)
    for (let wave = 1; wave <= 10; wave++) {
      tally.note(settled('a', wave))
      tally.note(settled('b', wave))
    }
    const labels = planLines(tally, { ...plain, columns: 80, nowMs: 0 }).map(
      (line) => /^[\w-]+( [\d-]+)?/.exec(line)?.[0]
    )
    expect(labels.slice(0, 9)).toEqual([
      'waves 1-10',
      ...[11, 12, 13, 14, 15, 16].map((wave) => `wave ${wave}`),
      'waves 17-30',
      'all'
    ])
    const low = planLines(tally, { ...plain, rows: 6, columns: 80, nowMs: 0 })
    expect(low.length).toBeLessThan(6)
    expect(low.some((line) => line.startsWith('all'))).toBe(true)
  })

  it('shows a plan of one wave in one line', () => {
    const tally = new RunTally([4], 4)
    expect(planLines(tally, { ...plain, columns: 80, nowMs: 0 })).toEqual(['all  ░░░░░░░░░░░░░░░░░░░░░░░░  0/4'])
  })

  it('shows hits in green, what was paid for in blue and what failed in red', () => {
    const [first, second] = planLines(halfway(), { ...plain, isColoured: true, columns: 80, nowMs: 0 })
    const half = '█'.repeat(12)
    expect(first).toContain(
      `${escapeCharacter}[32m${half}${escapeCharacter}[0m${escapeCharacter}[34m${half}${escapeCharacter}[0m`
    )
    expect(second).toContain(`${escapeCharacter}[31m${'█'.repeat(6)}${escapeCharacter}[0m${'░'.repeat(18)}`)
  })
})

describe('planDisplay on a terminal', () => {
  it('draws over what it has drawn, at most 8 times a second, and shows the last state all the same', () => {
    const stream = new Terminal()
    const tally = new RunTally([1000], 4)
    const display = planDisplay({ tally, stream, environment: {} })
    for (let at = 0; at < 1000; at++) {
      tally.note(settled(`${at}`, 1))
      display.changed()
      vi.advanceTimersByTime(1)
    }
    expect(stream.writes).toBeLessThanOrEqual(10)
    vi.advanceTimersByTime(125)
    expect(stream.lines).toHaveLength(1)
    expect(stream.lines[0]).toContain('1000/1000')
    display.end()
    expect(stream.lines).toEqual([''])
  })

  it('lets messages scroll above, on one line each', () => {
    const stream = new Terminal()
    const tally = halfway()
    const display = planDisplay({ tally, stream, environment: { NO_COLOR: '1' } })
    display.print('before')
    display.changed()
    display.print('c failed:\nno\u001b[2J such model')
    expect(stream.lines.slice(0, 3)).toEqual([
      'before',
      'c failed: no [2J such model',
      expect.stringMatching(/^wave 1/)
    ])
    expect(stream.lines).toHaveLength(7)
    display.end()
    expect(stream.lines).toEqual(['before', 'c failed: no [2J such model', ''])
  })

  it('says what is waited for in place of atoms under way', () => {
    const stream = new Terminal(40)
    const display = planDisplay({ tally: halfway(), stream, environment: {} })
    display.waiting('wave 2: 1 of 4 answered, 1 batch under way')
    expect(stream.lines.at(-1)).toBe('wave 2: 1 of 4 answered, 1 batch under…')
    display.waiting(undefined)
    vi.advanceTimersByTime(200)
    expect(stream.lines.at(-1)).toContain('asking outline')
    display.end()
  })

  it('lets the seconds go on while nothing happens', () => {
    const stream = new Terminal()
    const display = planDisplay({ tally: halfway(), stream, environment: {} })
    display.changed()
    vi.advanceTimersByTime(9000)
    expect(stream.lines.at(-1)).toContain('outline 9 s')
    display.end()
  })

  it.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [{ FORCE_COLOR: '0' }, false]
  ])('is coloured with %j: %s', (environment, isColoured) => {
    const written: string[] = []
    const stream = { isTTY: true, columns: 80, write: (text: string) => written.push(text) }
    const display = planDisplay({ tally: halfway(), stream, environment })
    display.changed()
    expect(written.join('').includes(`${escapeCharacter}[32m`)).toBe(isColoured)
    display.end()
  })
})

describe('planDisplay elsewhere', () => {
  it.each([[{ isTTY: false }, {}] as const, [{ isTTY: true }, { TERM: 'dumb' }] as const])(
    'writes a line when a wave ends, and else one every 10 s: %j %j',
    (kind, environment) => {
      const written: string[] = []
      const tally = halfway()
      const stream = { ...kind, write: (text: string) => written.push(text) }
      const display = planDisplay({ tally, stream, environment: { ...environment } })
      for (let at = 0; at < 100; at++) {
        vi.advanceTimersByTime(250)
        display.changed()
      }
      expect(written).toHaveLength(2)
      expect(written[0]).toMatch(/^3\/8 done, 1 hit, 1 failed, \$0\.0100, saved \$0\.0200, about \d+ s left\n$/)
      display.waveEnded(2)
      expect(written.at(-1)).toBe('wave 2 of 3: 1/4 done, 1 failed\n')
      display.print('a message')
      display.end()
      expect(written.at(-1)).toBe('a message\n')
      expect(written.join('')).not.toContain(escapeCharacter)
    }
  )
})
