import type { Deletions, Selector } from './store.ts'

/** How many deletions are remembered. */
export const maxDeletions = 10_000

/** The mark of a deletion that follows the one with the mark `last`; 0: there is none that is known of. */
export function nextMark(last: number): number {
  return Math.max(last + 1, Date.now() * 1000)
}

/** What was deleted lately, by which marks. */
export class DeletionLog {
  readonly #records: { readonly mark: number; readonly selector: Selector }[] = []
  #mark: number
  /** What was deleted up to this mark has been forgotten. */
  #forgotten: number

  /** Knows of nothing that was deleted up to `mark`. */
  constructor(mark: number) {
    this.#mark = mark
    this.#forgotten = mark
  }

  /** The latest. */
  get mark(): number {
    return this.#mark
  }

  /** Marks must come in order. */
  add(mark: number, selector: Selector): void {
    this.#records.push({ mark, selector })
    this.#mark = mark
    if (this.#records.length > maxDeletions) this.#forget()
  }

  /** Forgets what was deleted up to `mark`. */
  forgetUpTo(mark: number): void {
    while ((this.#records[0]?.mark ?? Number.POSITIVE_INFINITY) <= mark) this.#forget()
    this.#forgotten = Math.max(this.#forgotten, mark)
  }

  since(mark: number): Deletions {
    // What is greater than the latest is of a store that is no more: what has been deleted from it nobody knows.
    if (mark < this.#forgotten || mark > this.#mark) return { mark: this.#mark, selectors: undefined }
    // From the end, for whoever asks has mostly just begun.
    const last = this.#records.findLastIndex((record) => record.mark <= mark)
    return { mark: this.#mark, selectors: this.#records.slice(last + 1).map(({ selector }) => selector) }
  }

  #forget(): void {
    this.#forgotten = this.#records.shift()?.mark ?? this.#forgotten
  }
}
