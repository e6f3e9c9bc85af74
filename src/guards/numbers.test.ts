import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { numbers, strictNumbers } from './numbers.ts'

describe('numbers', () => {
  it.each([
    ['Who won in 2019?', 'Who won in 2020?', '2019 and 2020'],
    ['Is 12 % a lot?', 'Is 13 % a lot?', '12 and 13'],
    ['What is 2+2?', 'What is 2+3?', '2+2 and 2+3'],
    ['What is 2+2?', 'What is 3+3?', '2 and 3'],
    ['What is 4+2?', 'What is 4-2?', '4+2 and 4-2'],
    ['What is 4 times 2?', 'What is 4 plus 2?', '4*2 and 4+2'],
    ['Is 5 < 7?', 'Is 5 > 7?', '5<7 and 5>7'],
    ['the 3rd of May', 'the fourth of May', '3 and 4'],
    ['node 18.2.1', 'node 18.2.2', '18.2.1 and 18.2.2'],
    ['two dogs', 'three dogs', '2 and 3'],
    ['drei Hunde', 'vier Hunde', '3 and 4'],
    ['30年后', '40年后', '30 and 40'],
    ['in 5 minutes', 'in ten minutes', '5 and 10'],
    ['version 3, to end in 3 months', 'version 3, to end in 18 months', '3 and 18'],
    // A word that may stand for a number and is in both texts stands for none of those that differ.
    ['Summarise chapter 1 of a book', 'Summarise chapter 2 of a book', '1 and 2'],
    ['What is the dose for 1 tablet a day?', 'What is the dose for 3 tablets a day?', '1 and 3'],
    ['Can I take a break after 1 hour?', 'Can I take a break after 8 hours?', '1 and 8'],
    ['Which second is 2 in line?', 'Which second is 3 in line?', '2 and 3']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(numbers.check(guardedText(a), guardedText(b))).toBe(reason)
    expect(numbers.check(guardedText(b), guardedText(a))).toBeDefined()
  })

  it.each([
    ['1,000 rupees', '1000 rupees'],
    ['10k', 'ten thousand'],
    ['1 day', 'one day'],
    ['1 day a week', 'one day a week'],
    ['Can I take 1 with a meal?', 'Can I take one with a meal?'],
    ['the 1st time', 'the first time'],
    ['the 2nd time', 'the second time'],
    ['2 + 2', '2 plus 2'],
    ['500/1000 notes', '500 and 1000 notes'],
    ['top 10 books', 'top books'],
    ['covid-19', 'covid 19'],
    ['3.0', '3'],
    ['Is 2016 good?', 'Is 2016, yes 2016, good?']
  ])('lets pass %s | %s', (a, b) => {
    expect(numbers.check(guardedText(a), guardedText(b))).toBeUndefined()
  })

  it('objects to a number more only when strict', () => {
    const [a, b] = [guardedText('top 10 books'), guardedText('top books')]
    expect([numbers.check(a, b), strictNumbers.check(a, b), strictNumbers.check(b, a)]).toEqual([undefined, '10', '10'])
  })
})
