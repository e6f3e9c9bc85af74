import { createHash } from 'node:crypto'
import { seeded } from '../test/support/unit-vectors.ts'

/** Numbers in [0, 1) that follow from a text. */
export function seededBy(text: string): () => number {
  return seeded(Number.parseInt(digest(text, 8), 16))
}

/** The first digits of a text's SHA-256, in hexadecimal. */
export function digest(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits)
}
