/** Line numbers, a bit for each: a million take 125 KB. */
export class LineSet {
  #bits = new Uint8Array(1024)
  #size = 0

  /** How many there are. */
  get size(): number {
    return this.#size
  }

  has(line: number): boolean {
    return ((this.#bits[line >> 3] ?? 0) & (1 << (line & 7))) !== 0
  }

  add(line: number): void {
    if (this.has(line)) return
    const index = line >> 3
    if (index >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(index + 1, this.#bits.length * 2))
      grown.set(this.#bits)
      this.#bits = grown
    }
    this.#bits[index] = (this.#bits[index] ?? 0) | (1 << (line & 7))
    this.#size += 1
  }

  /** Lines that follow each other as one range, in order: the first and the last of each. */
  *ranges(): Generator<readonly [number, number]> {
    let first: number | undefined
    const end = this.#bits.length << 3
    for (let line = 0; line <= end; line++) {
      if (this.has(line)) first ??= line
      else if (first !== undefined) {
        yield [first, line - 1]
        first = undefined
      }
    }
  }
}
