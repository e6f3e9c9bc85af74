/**
 * Beyond so many characters the rest is taken to be like the beginning. English takes a quarter of a millisecond, letters
 * without sense up to 25: counting more would hold up all other calls.
 */
const maxCounted = 8_000
/** The same for guessing, which is some hundred times faster. */
const maxGuessed = 1_000_000
/**
 * The longest text that the tokenizer gets at once. What it takes for one word costs it the square of its length: some
 * 8 s for 100,000 letters without a break.
 */
const pieceLength = 128

type CountTokens = (text: string) => number

let tokenizer: CountTokens | undefined
let loading: Promise<boolean> | undefined

/**
 * How many tokens a text has, about: counted in the vocabulary `o200k_base` with the package `gpt-tokenizer`, which is
 * loaded when it is first needed. Until then, and where it is not installed, guessed from the script. Of a text beyond
 * 8,000 characters the beginning is counted, and the rest guessed in proportion.
 */
export function countTokens(text: string): number {
  void loadTokenizer()
  if (tokenizer === undefined) return guessTokens(text)
  if (text.length <= maxCounted) return countPieces(text, tokenizer)
  const beginning = text.slice(0, maxCounted)
  return (countPieces(beginning, tokenizer) / guessTokens(beginning)) * guessTokens(text)
}

/** Loads the tokenizer, once for the process; false where the package is not there. */
export function loadTokenizer(): Promise<boolean> {
  loading ??= import('gpt-tokenizer/encoding/o200k_base').then(
    (encoding) => {
      // Without it, a text with the name of a special token in it is an error.
      const options = { disallowedSpecial: new Set<string>() }
      tokenizer = (text) => encoding.countTokens(text, options)
      return true
    },
    // It is an optional companion, and without it there is a guess.
    () => false
  )
  return loading
}

/** In pieces that end with a word where they can, because a word cut in two has more tokens. */
function countPieces(text: string, count: CountTokens): number {
  let tokens = 0
  let from = 0
  while (from < text.length) {
    const space = from + pieceLength < text.length ? text.lastIndexOf(' ', from + pieceLength) : -1
    const to = space > from + pieceLength / 2 ? space : from + pieceLength
    // A copy: the tokenizer remembers words that it has seen, and a slice would hold on to the whole text.
    tokens += count(Buffer.from(text.slice(from, to), 'utf16le').toString('utf16le'))
    from = to
  }
  return tokens
}

/**
 * How many tokens a text has, by its script. In o200k_base, a token is about 4 characters of Latin script, 2.5 to 4 of
 * Greek, Cyrillic, Hebrew, Arabic or the scripts of India, 1.5 of Chinese, Japanese or Korean, and about 1 of what is rarer. Beyond 1,000,000
 * characters the rest is taken to be like the beginning.
 */
export function guessTokens(text: string): number {
  const length = Math.min(text.length, maxGuessed)
  let tokens = 0
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x370) tokens += 0.25
    else if (code < 0x1100) tokens += 0.4
    else if (code >= 0x2e80 && code < 0xd7b0) tokens += 0.7
    else tokens += 1
  }
  return length === 0 ? 0 : tokens * (text.length / length)
}
