import { createHash } from 'node:crypto'
import { between, type Random, seeded } from './seeded.ts'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const hexadecimal = '0123456789abcdef'
/** Without the letters that look like digits. */
const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** What the making of one answer needs beside its words: names, the hour, and the size of its pieces. */
export class Making {
  /** Seconds since 1970. */
  readonly createdS: number
  /** The hash of what was asked, the way of delivery left out. */
  readonly question: string
  readonly #ids: Random
  readonly #sizes: Random
  readonly #noise: Random
  readonly #chunkTokens: number | undefined

  constructor(options: { question: string; call: string; createdS: number; chunkTokens: number | undefined }) {
    this.createdS = options.createdS
    this.question = options.question
    this.#ids = seeded(`ids ${options.question} ${options.call}`)
    this.#sizes = seeded(`sizes ${options.question}`)
    this.#noise = seeded(`noise ${options.question}`)
    this.#chunkTokens = options.chunkTokens
  }

  /** `chatcmpl-` and letters, as OpenAI's chat names things. */
  id(prefix: string, length: number): string {
    return prefix + textOf(this.#ids, letters, length)
  }

  /** `resp_` and hexadecimal digits, as OpenAI's responses name things. */
  hexId(prefix: string, length = 50): string {
    return prefix + textOf(this.#ids, hexadecimal, length)
  }

  /** `msg_01` and base 58, as Anthropic names things. */
  base58Id(prefix: string, length = 22): string {
    return prefix + textOf(this.#ids, base58, length)
  }

  /** Bytes that nobody can read, in base 64: a signature, or reasoning that was encrypted. They follow from `name`. */
  sealed(name: string, bytes: number): string {
    const parts: Buffer[] = []
    for (let index = 0; index * 32 < bytes; index++) {
      parts.push(createHash('sha256').update(`${this.question} ${name} ${index}`).digest())
    }
    return Buffer.concat(parts).subarray(0, bytes).toString('base64')
  }

  /** How many tokens the next piece of a stream carries. */
  chunkTokens(): number {
    return this.#chunkTokens ?? between(this.#sizes, 1, 4)
  }

  /** The text in pieces of `chunkTokens()` tokens each. */
  *chunks(pieces: readonly string[]): Generator<{ readonly text: string; readonly from: number; readonly to: number }> {
    let from = 0
    while (from < pieces.length) {
      const to = Math.min(pieces.length, from + Math.max(1, this.chunkTokens()))
      yield { text: pieces.slice(from, to).join(''), from, to }
      from = to
    }
  }

  /** Letters that hide how long a piece is: the longer the piece, the fewer. */
  obfuscation(piece: string): string {
    return textOf(this.#noise, letters, 16 - (piece.length % 16))
  }
}

function textOf(random: Random, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
}
