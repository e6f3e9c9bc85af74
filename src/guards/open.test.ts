import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openGuards } from './open.ts'

const levels = ['standard', 'strict'] as const

/** Words that guards look at, and anything else. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...'How why is not Paris GPT-4 1,000 ten 5k C++ 2+2 from to London don’t un happy 学 吉他 ß ı'.split(' ')
        ),
        fc.constantFrom(
          '.',
          '?',
          '-',
          "'",
          '’',
          '“',
          '+',
          '#',
          '@',
          '/',
          ' ',
          '\n',
          '\u00a0',
          '١',
          '➰',
          'Σ',
          'ǰ',
          'ŉ'
        ),
        fc.string({ unit: 'binary', maxLength: 4 })
      ),
      { maxLength: 30 }
    )
    .map((parts) => parts.join(' ')),
  fc
    .array(fc.constantFrom('a', 'A', '1', ' ', '.', "'", '-', '+', 'é', '学'), { maxLength: 40 })
    .map((parts) => parts.join(''))
)

describe('openGuards', () => {
  it('says who objects, and why', () => {
    expect(openGuards('standard')('Who won in 2019?', 'Who won in 2020?')).toEqual({
      by: 'numbers',
      reason: '2019 and 2020'
    })
  })

  it('never objects when it is off', () => {
    expect(openGuards('off')('Who won in 2019?', 'Who did not win in 2020?')).toBeUndefined()
  })

  it.each(levels)('lets pass, when %s, what is asked in other words', (level) => {
    const guards = openGuards(level)
    expect(guards('How do I buy a car?', 'What is the best way to purchase an automobile?')).toBeUndefined()
  })

  it('objects more when it is strict', () => {
    const pair = ['How do dogs see colours at night?', 'How do dogs see at night?'] as const
    expect([openGuards('standard')(...pair), openGuards('strict')(...pair)?.by]).toEqual([undefined, 'substitution'])
  })

  it.each(levels)('objects, when %s, whichever of the two was asked', (level) => {
    const guards = openGuards(level)
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        expect(guards(a, b)?.by).toBe(guards(b, a)?.by)
      }),
      { numRuns: 500 }
    )
  })

  it.each(levels)('never objects, when %s, to the same text in other white space, punctuation or quotes', (level) => {
    const guards = openGuards(level)
    fc.assert(
      fc.property(hostile, fc.constantFrom('', '?', '.', '!', ' …', '？'), (text, end) => {
        for (const other of variantsOf(text, end)) expect(guards(text, other)).toBeUndefined()
      }),
      { numRuns: 1000 }
    )
  })

  it.each(levels)('takes, when %s, any text of 20,000 characters', (level) => {
    const guards = openGuards(level)
    const pieces = [
      'a',
      'a.',
      "a'",
      '1,',
      '1.',
      '-1 ',
      'a b ',
      'A B ',
      'é1',
      '学',
      'un',
      '+',
      'ten thousand ',
      "n't",
      '[',
      'aa@'
    ]
    for (const piece of pieces) {
      const text = piece.repeat(20_000 / piece.length)
      expect(() => guards(text, `${text.slice(1)} b`)).not.toThrow()
    }
  })
})

function variantsOf(text: string, end: string): readonly string[] {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 32)
  const rest = text.slice(first.length)
  return [
    ` ${text.replace(/\s+/g, ' \n ')} `,
    text + end,
    first.toUpperCase() + rest,
    first.toLowerCase() + rest,
    text.replaceAll('’', "'"),
    text.replaceAll("'", '’')
  ]
}
