import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { questionWord, strictQuestionWord } from './question-word.ts'

function check(a: string, b: string): string | undefined {
  return questionWord.check(guardedText(a), guardedText(b))
}

describe('questionWord', () => {
  it.each([
    ['Why does the moon shine?', 'How does the moon shine?', 'why and how'],
    ['When did the war start?', 'Why did the war start?', 'when and why'],
    ['Do cats dream?', 'When do cats dream?', 'whether and when'],
    ['Are cats lazy?', 'Why are cats lazy?', 'whether and why'],
    ['How is rent paid?', 'How much rent is paid?', 'how and how much'],
    ['What is the reason cats purr?', 'How do cats purr?', 'why and how']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
    expect(check(b, a)).toBe(reason.split(' and ').reverse().join(' and '))
  })

  it.each([
    ['How do I learn to swim?', 'What is the best way to learn to swim?'],
    ['How can I learn to swim?', 'Is there a way to learn to swim?'],
    ['How safe is flying?', 'Is flying safe?'],
    ['How come cats purr?', 'Why do cats purr?'],
    ['Do cats purr? Why?', 'Why do cats purr?'],
    ['Is it a problem when cats purr?', 'When cats purr, is it a problem?'],
    ['What year did it end?', 'When did it end?'],
    ['Where are the best beaches?', 'What are the best beaches?']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })

  it('objects whatever the words only when strict', () => {
    const [a, b] = [guardedText('Why do cats purr at night?'), guardedText('How do kittens produce sounds?')]
    expect([questionWord.check(a, b), strictQuestionWord.check(a, b)]).toEqual([undefined, 'why and how'])
  })
})
