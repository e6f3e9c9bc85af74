/**
 * Keeps a thread from being ended while it runs native code: onnxruntime would take the whole process down with it.
 * Two numbers in memory that both threads see.
 */
export class NativeTurn {
  readonly memory: SharedArrayBuffer
  readonly #cells: Int32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
  }

  /** In the thread: runs something native. When the thread is to end, it does not begin, and the promise stays open. */
  async run<Result>(native: () => Promise<Result>): Promise<Result> {
    // Said before it is looked whether the thread is to end: whichever comes first, one of the two sees the other.
    Atomics.store(this.#cells, busy, 1)
    if (Atomics.load(this.#cells, leaving) === 1) {
      this.#rest()
      return await new Promise<never>(() => {})
    }
    try {
      return await native()
    } finally {
      this.#rest()
    }
  }

  /** In the one that ends it: nothing native begins any more. */
  forbid(): void {
    Atomics.store(this.#cells, leaving, 1)
  }

  /** In the one that ends it: blocks until nothing native runs, but no longer than that. */
  wait(withinMs: number): void {
    Atomics.wait(this.#cells, busy, 1, withinMs)
  }

  #rest(): void {
    Atomics.store(this.#cells, busy, 0)
    Atomics.notify(this.#cells, busy)
  }
}

const busy = 0
const leaving = 1
