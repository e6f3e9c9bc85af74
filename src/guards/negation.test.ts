import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { negation } from './negation.ts'

function check(a: string, b: string): string | undefined {
  return negation.check(guardedText(a), guardedText(b))
}

describe('negation', () => {
  it.each([
    ['Is it safe to drive?', 'Is it safe not to drive?', 'not'],
    ["I don't like tea.", 'I like tea.', 'not'],
    ['I dont like tea.', 'I like tea.', 'not'],
    ['Can I cook rice without salt?', 'Can I cook rice with salt?', 'without'],
    ['It failed to start.', 'It started.', 'failed'],
    ['Did she use to be an actress?', 'Is she an actress?', 'use'],
    ['Es ist nicht kalt.', 'Es ist kalt.', 'nicht'],
    ["Ce n'est pas froid.", "C'est froid.", 'pas'],
    ['今天不冷', '今天冷', '不'],
    ['Это не дорого', 'Это дорого', 'не']
  ])('%s | %s: %s', (a, b, reason) => {
    expect([check(a, b), check(b, a)]).toEqual([reason, reason])
  })

  it.each([
    ["Why can't I sleep?", 'Why cannot I sleep?'],
    ['Why am I not able to log in?', 'Why am I unable to log in?'],
    ['Why did she not know the song?', 'Is there a reason for which this singer was unaware of the famous old tune?']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })
})
