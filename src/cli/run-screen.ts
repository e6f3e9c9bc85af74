import { columnsOf } from './columns.ts'
import type { ProgressStream } from './progress-bar.ts'

/** Where lines are drawn anew. */
export interface ScreenStream extends ProgressStream {
  readonly rows?: number
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** Some lines at the end of a terminal that are drawn over, and lines above them that stay. */
export class Screen {
  readonly #stream: ScreenStream
  #shown: readonly string[] = []

  constructor(stream: ScreenStream) {
    this.#stream = stream
  }

  get columns(): number {
    // A terminal that does not know says 0.
    return this.#stream.columns || 80
  }

  get rows(): number {
    return this.#stream.rows || 24
  }

  /** @param lines each with fewer columns than there are: a line that is full goes on in the next */
  draw(lines: readonly string[]): void {
    // One write, so that nothing is seen half drawn.
    const text = lines.map((line) => `${line}\u001b[K`).join('\n')
    this.#stream.write(`${this.#back()}${text}\u001b[J`)
    this.#shown = lines
  }

  /** Writes a line that stays, above those that are drawn over. */
  print(line: string): void {
    const shown = this.#shown
    this.#stream.write(`${this.#back()}${shown.length === 0 ? '' : '\u001b[J'}${line}\n`)
    this.#shown = []
    if (shown.length > 0) this.draw(shown)
  }

  /** Takes away what is drawn over. */
  clear(): void {
    if (this.#shown.length > 0) this.#stream.write(`${this.#back()}\u001b[J`)
    this.#shown = []
  }

  /** To where the first line began. A terminal that has become narrower has broken lines in two. */
  #back(): string {
    if (this.#shown.length === 0) return ''
    const rows = this.#shown.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(columnsOf(line.replace(escapes, '')) / Math.max(1, this.columns))),
      0
    )
    return rows > 1 ? `\r\u001b[${rows - 1}A` : '\r'
  }
}
