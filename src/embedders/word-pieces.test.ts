import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { wordPieceTokenizer } from '../../test/support/static-model.ts'
import { type WordPieceModel, wordPieces } from './word-pieces.ts'

const vocabulary = [
  '[UNK]',
  '[CLS]',
  'a',
  'ab',
  'abba',
  'b',
  '##a',
  '##b',
  '##ba',
  '##bab',
  'é',
  '##é',
  '👍',
  '##👍',
  '##'
]

const { model } = new Tokenizer(JSON.parse(wordPieceTokenizer(vocabulary)), {}) as {
  model: WordPieceModel & { encode(words: readonly string[]): string[] }
}

it('has the same pieces as the library, whatever the words', () => {
  const pieces = wordPieces(model)
  const character = fc.constantFrom('a', 'b', 'é', '👍', 'x', '#', '[', '\ud83d')
  const word = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''))
  const known = fc
    .array(fc.constantFrom('a', 'b', 'é', '👍'), { maxLength: 120 })
    .map((characters) => characters.join(''))
  fc.assert(
    fc.property(fc.array(fc.oneof(word, known), { maxLength: 5 }), (words) => {
      expect(pieces(words)).toEqual(model.encode(words))
    }),
    { numRuns: 2000 }
  )
})

it('takes words up to the length that the model has a bound for', () => {
  const pieces = wordPieces(model)
  expect(pieces(['👍'.repeat(100)])).toHaveLength(100)
  expect(pieces(['👍'.repeat(101)])).toEqual(['[UNK]'])
})
