import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { narrowing } from './narrowing.ts'

function check(a: string, b: string): string | undefined {
  const [one, other] = [guardedText(a), guardedText(b)]
  const reason = narrowing.check(one, other)
  expect(narrowing.check(other, one) === undefined).toBe(reason === undefined)
  return reason
}

describe('narrowing', () => {
  it.each([
    ['Who is the best watch maker?', 'Who is the best watch maker in Dresden?', 'in dresden'],
    ['How do I run faster?', 'How can I run faster within a year?', 'within a year'],
    ['Which laptop should I buy?', 'Which laptop should I buy for video editing?', 'for video editing'],
    ['How do I open the file?', 'How do I open the file on a phone?', 'on a phone']
  ])('objects to %j and %j', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
  })

  it.each([
    ['What are the best films?', 'What are the best films of all time?'],
    ['What is the tallest mountain?', 'What is the tallest mountain in the world?'],
    ['How do I learn the guitar?', 'What is the best way to learn the guitar?'],
    ['How do I delete my account?', 'How can I delete my account please?'],
    ['How do I reset a lost password?', 'How do I reset a password?']
  ])('is silent about %j and %j', (a, b) => {
    expect(check(a, b)).toBeUndefined()
  })
})
