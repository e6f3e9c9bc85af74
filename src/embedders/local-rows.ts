import type { Pooling } from './local-protocol.ts'

/** What a model said of some texts, padded to the longest of them. */
export interface Hidden {
  readonly data: Float32Array
  /** Texts, tokens, numbers a token. */
  readonly dims: readonly number[]
}

/** One row a text, from one a token. What a text was padded with does not count. */
export function pool({ data, dims }: Hidden, lengths: readonly number[], pooling: Pooling): Float32Array {
  const [texts = 0, tokens = 0, width = 0] = dims
  const rows = new Float32Array(texts * width)
  for (let text = 0; text < texts; text++) {
    const counted = pooling === 'cls' ? 1 : (lengths[text] ?? 0)
    for (let index = 0; index < width; index++) {
      let sum = 0
      for (let token = 0; token < counted; token++) sum += data[(text * tokens + token) * width + index] as number
      rows[text * width + index] = sum / counted
    }
  }
  return rows
}

/** Rows of unequal length as one block of whole numbers, each filled up at its end. */
export function padded(rows: readonly (readonly number[])[], filler: number): BigInt64Array {
  const width = Math.max(...rows.map((row) => row.length))
  const block = new BigInt64Array(rows.length * width).fill(BigInt(filler))
  for (const [number, row] of rows.entries())
    for (const [index, value] of row.entries()) block[number * width + index] = BigInt(value)
  return block
}
