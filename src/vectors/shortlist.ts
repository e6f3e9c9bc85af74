/** The most similar of the slots that were offered, up to a number of them, the best first. */
export class Shortlist {
  readonly #most: number
  readonly #slots: Int32Array
  readonly #similarities: Float32Array
  size = 0

  constructor(most: number) {
    this.#most = most
    this.#slots = new Int32Array(most)
    this.#similarities = new Float32Array(most)
  }

  /** What is less similar than this has no place here. */
  get floor(): number {
    return this.isFull ? this.similarityAt(this.#most - 1) : Number.NEGATIVE_INFINITY
  }

  get isFull(): boolean {
    return this.size === this.#most
  }

  slotAt(place: number): number {
    return this.#slots[place] ?? -1
  }

  /** The similarity that stands at a place, less than any where there is none. */
  similarityAt(place: number): number {
    return place < this.size ? (this.#similarities[place] ?? 0) : Number.NEGATIVE_INFINITY
  }

  offer(slot: number, similarity: number): void {
    let place = this.isFull ? this.#most - 1 : this.size
    if (this.isFull && similarity <= this.similarityAt(place)) return
    if (!this.isFull) this.size += 1
    for (; place > 0 && this.similarityAt(place - 1) < similarity; place--) {
      this.#slots[place] = this.slotAt(place - 1)
      this.#similarities[place] = this.similarityAt(place - 1)
    }
    this.#slots[place] = slot
    this.#similarities[place] = similarity
  }
}
