import { Tokenizer } from '@huggingface/tokenizers'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import { type WordPieceModel, wordPieces } from './word-pieces.ts'

/** Tells which of a model's tokens a text is made of. */
export interface StaticTokenizer {
  /** One more than the highest id of a token. */
  readonly size: number
  /** The ids of a text's tokens, without special ones and without the one for what is unknown; none of one too long. */
  idsOf(text: string): readonly number[]
}

/** The library's tokenizer, as far as it is needed: its own types cannot be resolved from an ES module. */
interface LibraryTokenizer {
  readonly model: LibraryModel
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] }
  get_vocab(): ReadonlyMap<string, number>
}

interface LibraryModel extends WordPieceModel {
  readonly unk_token_id?: number | null
  /** Splits words further, into tokens. */
  encode: (words: readonly string[]) => string[]
}

/** As many tokens as model2vec takes, when it is not told otherwise. */
const mostTokens = 512

/**
 * Reads a tokenizer.json. model2vec would look at the first 512 tokens, of as many characters as 512 tokens of median
 * length have. Here a text with more than that has none: cut, it would be like texts that go on otherwise.
 * @throws RepriseError `invalid-option` when it is no tokenizer that can be read
 */
export function staticTokenizer(json: string, file: string): StaticTokenizer {
  const tokenizer = readTokenizer(json, file)
  const vocabulary = tokenizer.get_vocab()
  const unknown = tokenizer.model.unk_token_id
  const mostCharacters = mostTokens * Math.max(1, medianLength([...vocabulary.keys()]))
  let size = 0
  for (const id of vocabulary.values()) size = Math.max(size, id + 1)

  return {
    size,
    idsOf(text) {
      if (text.length > 2 * mostCharacters || [...text].length > mostCharacters) return []
      const { ids } = tokenizer.encode(text, { add_special_tokens: false })
      // A tokenizer without a token for what is unknown has no id for it either.
      return ids.length > mostTokens ? [] : ids.filter((id) => id !== unknown && Number.isInteger(id))
    }
  }
}

function readTokenizer(json: string, file: string): LibraryTokenizer {
  try {
    const parsed: unknown = JSON.parse(json)
    if (!isObject(parsed)) throw new Error('it is no JSON object')
    // Files may leave out what they have no need of; the library wants it said.
    const complete = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parsed }
    const tokenizer: LibraryTokenizer = new Tokenizer({ added_tokens: [], ...complete }, {})
    const { model } = tokenizer
    if (model.config.type === 'WordPiece') model.encode = wordPieces(model)
    return tokenizer
  } catch (error) {
    const message = `${file}: expected a tokenizer of Hugging Face's, but ${messageOf(error)}; fetch the model's file again`
    throw new RepriseError('invalid-option', message, { cause: error })
  }
}

function medianLength(tokens: readonly string[]): number {
  const lengths = tokens.map((token) => [...token].length).sort((a, b) => a - b)
  const middle = lengths.length / 2
  const [low = 0, high = 0] = [lengths[Math.ceil(middle) - 1], lengths[Math.floor(middle)]]
  return Math.floor((low + high) / 2)
}
