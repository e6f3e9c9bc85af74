import { describe, expect, it } from 'vitest'
import { tokensOf } from './tokens.ts'

function words(text: string): string {
  return tokensOf(text)
    .map(({ word }) => word)
    .join(' ')
}

function namesIn(text: string): string {
  return tokensOf(text)
    .filter(({ named }) => named)
    .map(({ word }) => word)
    .join(' ')
}

describe('tokensOf', () => {
  it.each([
    ["I can't, won't and don't", 'i can not will not and do not'],
    ['whats up, i dont know', 'what is up i do not know'],
    ["What's India's capital?", 'what is india capital'],
    ["l'homme d'affaires", 'homme affaires'],
    ["O'Brien at 5 o'clock", 'obrien at 5 oclock'],
    ['C, C++ and C#', 'c c++ and c#'],
    ['GPT-4 or GPT4', 'gpt 4 or gpt 4'],
    ['a part-time B.Tech in the U.S.', 'a part time btech in the usa'],
    ['an e-mail to ada@example.com', 'an email to ada example com'],
    ['1,000.50 and 3.5 and 10:30', '1,000.50 and 3.5 and 10 30'],
    ['minus -5, not 3-5', 'minus -5 not 3 - 5'],
    ['2+2=4', '2 + 2 = 4'],
    ['学吉他 GPT', '学 吉 他 gpt'],
    ['ギターを弾く', 'ギター を 弾 く'],
    ['what is ➰?', 'what is ➰']
  ])('takes apart %s', (text, expected) => {
    expect(words(text)).toBe(expected)
  })

  it.each([
    ['Is Paris larger than London?', 'paris london'],
    ['Use NASA data. Then ask Ada (Miss Lovelace).', 'nasa ada lovelace'],
    ['is my iPhone 6s or my MacBook slow', 'iphone s macbook'],
    ['Do I know?', 'i'],
    ['Is grade A better for an IT company?', 'A IT'],
    ['open main_file.py', 'main file py'],
    ['HOW DO I LEARN TO SWIM', ''],
    ['How To Learn The Piano Quickly', '']
  ])('finds the names in %s', (text, expected) => {
    expect(namesIn(text)).toBe(expected)
  })
})
