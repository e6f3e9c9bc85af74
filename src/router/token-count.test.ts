import fc from 'fast-check'
import { countTokens as exactly } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, it } from 'vitest'
import { anyText } from '../../test/support/arbitrary-json.ts'
import { countTokens, guessTokens, loadTokenizer } from './token-count.ts'

const prose = 'The quick brown fox jumps over the lazy dog, and then it goes home to rest for a while. '
const chinese = '今天天气很好我们一起去公园散步吧机器学习模型需要大量数据'

describe('before the tokenizer is there', () => {
  it('guesses by the script', () => {
    expect(countTokens('')).toBe(0)
    expect(countTokens(prose)).toBe(prose.length / 4)
    expect(countTokens(chinese)).toBeCloseTo(chinese.length * 0.7, 9)
  })
})

describe('the guess', () => {
  it.each([
    ['English', prose],
    [
      'German',
      'Heute ist das Wetter sehr schön, lass uns im Park spazieren gehen. Maschinelles Lernen braucht viele Daten.'
    ],
    ['JSON', '{"type":"function","function":{"name":"get_weather","parameters":{"type":"object"}}}'],
    ['Russian', 'Сегодня очень хорошая погода, пойдём гулять в парк. Моделям машинного обучения нужно много данных.'],
    ['Arabic', 'الطقس جميل جدا اليوم، هيا بنا نتمشى في الحديقة. تحتاج نماذج التعلم الآلي إلى بيانات كثيرة.'],
    ['Hindi', 'आज मौसम बहुत अच्छा है, चलो पार्क में टहलने चलते हैं। मशीन लर्निंग मॉडल को बहुत डेटा चाहिए।'],
    ['Chinese', chinese],
    ['Japanese', '今日はいい天気ですね。散歩に行きましょう。機械学習モデルには大量のデータが必要です。'],
    ['Korean', '오늘은 날씨가 정말 좋네요. 공원에 산책하러 갑시다. 기계 학습 모델에는 많은 데이터가 필요합니다.'],
    ['emoji', '😀👩‍👩‍👧🇩🇪🎉🔥']
  ])('is within half and twice of the truth for %s', (_script, text) => {
    const truth = exactly(text)
    expect(guessTokens(text) / truth).toBeGreaterThan(0.6)
    expect(guessTokens(text) / truth).toBeLessThan(1.7)
  })

  it('takes what is beyond a million characters to be like the rest', () => {
    expect(guessTokens('a'.repeat(3_000_000))).toBe(750_000)
  })
})

describe('the tokenizer', () => {
  it('counts a text as it is', async () => {
    await expect(loadTokenizer()).resolves.toBe(true)
    expect(countTokens('')).toBe(0)
    expect(countTokens('Hello, world!')).toBe(exactly('Hello, world!'))
    const page = prose.repeat(80)
    expect(countTokens(page)).toBe(exactly(page))
  })

  it('takes the name of a special token for text', () => {
    expect(countTokens('a <|endoftext|> b')).toBe(9)
  })

  it('counts the beginning of a long text, and takes the rest for like it', () => {
    const long = prose.repeat(2000)
    expect(Math.abs(countTokens(long) / (2000 * exactly(prose)) - 1)).toBeLessThan(0.05)
    const mixed = prose.repeat(200) + chinese.repeat(2000)
    const truth = exactly(prose) * 200 + exactly(chinese) * 2000
    expect(Math.abs(countTokens(mixed) / truth - 1)).toBeLessThan(0.2)
  })

  it.each([
    ['letters', 'a'.repeat(1_000_000)],
    ['spaces', ' '.repeat(1_000_000)],
    ['signs', '!'.repeat(1_000_000)],
    ['Chinese', chinese.repeat(40_000)]
  ])('comes to an end with %s without a break', (_what, text) => {
    expect(countTokens(text)).toBeGreaterThan(5000)
  })

  it('counts any text, and hardly more than it has', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 5 }), (texts) => {
        const text = texts.join(' ')
        const truth = exactly(text, { disallowedSpecial: new Set() })
        const count = countTokens(text)
        expect(count).toBeGreaterThanOrEqual(Math.floor(truth * 0.9))
        // A piece may end within a word or a character.
        expect(count).toBeLessThanOrEqual(truth + 4 * Math.ceil(text.length / 64))
      })
    )
  })
})
