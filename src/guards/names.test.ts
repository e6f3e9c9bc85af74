import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { names } from './names.ts'

function check(a: string, b: string): string | undefined {
  return names.check(guardedText(a), guardedText(b))
}

describe('names', () => {
  it.each([
    ['What is the capital of France?', 'What is the capital of Spain?', 'france and spain'],
    ['what is the capital of france', 'What is the capital of Spain?', 'france and spain'],
    ['How do C and C++ differ?', 'How do C++ and C# differ?', 'c and c#'],
    ['Is grade A good?', 'Is grade B good?', 'A and b'],
    ['Is Taylor Swift rich?', 'Is Bill Gates rich?', 'taylor swift and bill gates'],
    ['Is the MacBook good?', 'Is the MacBook Pro good?', 'pro'],
    ['Who is ada@example.com?', 'Who is bob@example.com?', 'ada and bob'],
    ['the best courses in India', 'the best courses', 'india'],
    ['Who wrote main.py?', 'Who wrote main.js?', 'py and js'],
    ['The Dacia Duster SUV', 'The Dacia Logan SUV', 'duster and logan']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
    expect(check(b, a)).toBeDefined()
  })

  it.each([
    ['Is Paris nice?', 'is paris nice'],
    ['Who is Donald Trump?', 'Who is Trump?'],
    ['What is natural language processing?', 'What is natural language processing (NLP)?'],
    ["Paris's parks", 'parks of Paris'],
    ['Where can I learn to cook?', 'Where can someone learn Cooking?'],
    ['Is GPT-4 good?', 'is gpt4 good']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })
})
