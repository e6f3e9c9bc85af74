import { describe, expect, it } from 'vitest'
import { curve } from './curve.ts'
import type { JudgedPair } from './judge.ts'
import { sweep } from './sweep.ts'
import { terminalCurve } from './terminal-curve.ts'

/** 200 pairs of either kind, evenly spread: the same meaning from 0.6 on, another up to 0.9; guards take some away. */
const judged = Array.from({ length: 400 }, (_, index): JudgedPair => {
  const same = index % 2 === 0
  const refutation = { by: 'numbers', reason: '1 and 2' }
  return {
    pair: { a: 'a', b: 'b', same, line: index + 1, rest: {} },
    similarity: same ? 0.6 + index / 1000 : 0.5 + index / 1000,
    refutations: {
      ...(index % 5 === 1 ? { standard: refutation } : {}),
      ...(index % 5 <= 1 ? { strict: refutation } : {})
    }
  }
})
const swept = sweep(judged, 0.05)

describe('curve', () => {
  const svg = curve(swept, 'pairs of <Smith & Sons>')

  it('is one well-formed picture without anything from elsewhere', () => {
    const open: string[] = []
    for (const [, end, name = '', rest = ''] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
      if (end === '/') expect(open.pop()).toBe(name)
      else if (!rest.endsWith('/')) open.push(name)
    }
    expect(open).toEqual([])
    expect(svg).toContain('pairs of &lt;Smith &amp; Sons&gt;')
    expect(svg).not.toMatch(/href|url\(|@import|<script|NaN|undefined|Infinity/)
    expect(svg).toContain('prefers-color-scheme: dark')
  })

  it('draws recall and wrong share of each level with their bands, and marks what is proposed', () => {
    for (const { level, points, proposed } of swept.levels) {
      const lines = [...svg.matchAll(new RegExp(`<path class="${level} line" d="M([^"h]*)"`, 'g'))]
      expect(lines.map(([, path = '']) => path.split('L').length)).toEqual([points.length, points.length])
      expect(svg.match(new RegExp(`class="${level} band"`, 'g'))).toHaveLength(2)
      expect(svg).toContain(`>${level} ${proposed?.minSimilarity.toFixed(3)}</text>`)
    }
    for (const label of ['recall', 'wrong share', 'threshold: minSimilarity (cosine)', 'allowed: 5 %'])
      expect(svg).toContain(`>${label}</text>`)
  })

  it('marks nothing where nothing is proposed', () => {
    const hopeless = sweep(
      judged.map((each) => ({ ...each, similarity: 1, refutations: {} })),
      0.01
    )
    const picture = curve(hopeless, 'hopeless')
    expect(picture).not.toContain('class="off marker"')
    expect(picture).toContain('Guards off: no threshold to propose.')
    expect(picture).not.toMatch(/NaN|undefined/)
  })
})

describe('terminalCurve', () => {
  it('is filled up to the share, darker for stricter guards', () => {
    const lines = terminalCurve(swept, 'standard', 110).split('\n')
    const row = (label: string): string => lines.find((line) => line.startsWith(label))?.slice(9) ?? ''
    const off = swept.levels[0]?.points ?? []
    const strict = swept.levels[2]?.points ?? []
    // As wide as the grid, a column is a threshold.
    for (const [index, point] of off.entries()) {
      expect((row('   50 % |')[index] ?? ' ') !== ' ').toBe(point.recall.value >= 0.5)
      expect(row('   50 % |')[index] === '█').toBe((strict[index]?.recall.value ?? 0) >= 0.5)
    }
  })

  it('keeps within the width it is given, and is as good as it can be in less than it needs', () => {
    for (const width of [10, 40, 57, 80, 200])
      for (const level of ['off', 'strict'] as const) {
        const lines = terminalCurve(swept, level, width).split('\n')
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(Math.max(width, 54))
        expect(lines.at(-1)).toContain(`proposed (guards ${level})`)
      }
  })

  it('has its caret below the threshold that is proposed', () => {
    const lines = terminalCurve(swept, 'off', 200).split('\n')
    const index = swept.levels[0]?.points.findIndex(
      ({ minSimilarity }) => minSimilarity === swept.levels[0]?.proposed?.minSimilarity
    )
    expect(lines.at(-1)?.indexOf('^')).toBe(9 + (index ?? -1))
  })
})
