import type { Blocks } from './blocks.ts'

/** What stands for a key in memory, in 32-bit words. */
export const cellWords = 8

const blockBytes = 4096
/** How many places a block of the table has behind its two words of its own, and how many of them may be taken. */
const head = 2
const places = blockBytes / 4 - head
const mostTaken = Math.floor(places * 0.8)
const deepest = 20

export type HashCell = (words: Uint32Array, at: number) => number

// Not the same in each process, so that nobody can choose keys that all meet.
const seed = Math.floor(Math.random() * 2 ** 32)

/**
 * Finds the slot of a cell: an open-addressing hash table of slots, whose cells lie elsewhere. It is made of blocks of
 * 4 KB, found by the first bits of the hash (extendible hashing): a block that is full becomes two, so that no insertion
 * ever moves more than some 800 slots, while one table that doubles would hold the event loop when it is large.
 * A block begins with how many bits lead to it and how many places are taken; a place is 1 + slot, or 0.
 */
export class SlotTable {
  readonly #blocks: Blocks
  readonly #cellAt: (slot: number) => number
  readonly #hash: HashCell
  /** Where in words the block for each possible beginning of a hash begins. */
  #directory: number[] = []
  #depth = 0
  #blockCount = 0

  /** `cellAt` says where in words the cell of a slot is. */
  constructor(blocks: Blocks, cellAt: (slot: number) => number, hash: HashCell = hashCell) {
    this.#blocks = blocks
    this.#cellAt = cellAt
    this.#hash = hash
  }

  get bytes(): number {
    return this.#blockCount * blockBytes
  }

  /** The slot whose cell is this one, or -1. */
  find(cell: Uint32Array): number {
    if (this.#blockCount === 0) return -1
    const { words } = this.#blocks
    const hash = this.#hash(cell, 0)
    const block = this.#directory[this.#leading(hash)] ?? 0
    for (let place = home(hash); ; place = after(place)) {
      const entry = words[block + head + place] ?? 0
      if (entry === 0) return -1
      const at = this.#cellAt(entry - 1)
      let same = 0
      while (same < cellWords && words[at + same] === cell[same]) same += 1
      if (same === cellWords) return entry - 1
    }
  }

  /** Adds a slot whose cell is written and not in the table yet; false when there is no room, or too many cells have one hash. */
  add(slot: number): boolean {
    if (this.#blockCount === 0) {
      const first = this.#open(0)
      if (first === undefined) return false
      this.#directory = [first]
    }
    const hash = this.#hash(this.#blocks.words, this.#cellAt(slot))
    for (;;) {
      const block = this.#directory[this.#leading(hash)] ?? 0
      if ((this.#blocks.words[block + 1] ?? 0) < mostTaken) {
        this.#insert(block, hash, slot)
        return true
      }
      if (!this.#split(hash)) return false
    }
  }

  /** Takes a slot out; its cell must still be there. */
  remove(slot: number): void {
    const { words } = this.#blocks
    const hash = this.#hash(words, this.#cellAt(slot))
    const block = this.#directory[this.#leading(hash)] ?? 0
    let hole = this.#placeOf(block, hash, slot)
    // What comes behind moves up, unless its home is behind the hole: then no search for it stops there.
    for (let place = after(hole); ; place = after(place)) {
      const entry = words[block + head + place] ?? 0
      if (entry === 0) break
      const wanted = home(this.#hash(words, this.#cellAt(entry - 1)))
      if ((place - wanted + places) % places < (place - hole + places) % places) continue
      words[block + head + hole] = entry
      hole = place
    }
    words[block + head + hole] = 0
    words[block + 1] = (words[block + 1] ?? 0) - 1
  }

  /** A cell has been copied from one slot to another, which is now the one that counts. */
  move(from: number, to: number): void {
    const { words } = this.#blocks
    const hash = this.#hash(words, this.#cellAt(to))
    const block = this.#directory[this.#leading(hash)] ?? 0
    words[block + head + this.#placeOf(block, hash, from)] = to + 1
  }

  /** Lets go of all blocks. */
  clear(): void {
    for (const block of new Set(this.#directory)) this.#blocks.free(block * 4)
    this.#directory = []
    this.#depth = 0
    this.#blockCount = 0
  }

  #leading(hash: number): number {
    return this.#depth === 0 ? 0 : hash >>> (32 - this.#depth)
  }

  #placeOf(block: number, hash: number, slot: number): number {
    const { words } = this.#blocks
    let place = home(hash)
    while (words[block + head + place] !== slot + 1) place = after(place)
    return place
  }

  #open(depth: number): number | undefined {
    const at = this.#blocks.allocate(blockBytes)
    if (at === undefined) return undefined
    const block = at / 4
    this.#blocks.words.fill(0, block, block + blockBytes / 4)
    this.#blocks.words[block] = depth
    this.#blockCount += 1
    return block
  }

  #insert(block: number, hash: number, slot: number): void {
    const { words } = this.#blocks
    let place = home(hash)
    while (words[block + head + place] !== 0) place = after(place)
    words[block + head + place] = slot + 1
    words[block + 1] = (words[block + 1] ?? 0) + 1
  }

  /** Makes two of the block that this hash leads to. */
  #split(hash: number): boolean {
    const block = this.#directory[this.#leading(hash)] ?? 0
    const depth = this.#blocks.words[block] ?? 0
    if (depth === deepest) return false
    const other = this.#open(depth + 1)
    if (other === undefined) return false
    // `open` may have made the memory grow, and with it these words another array.
    const { words } = this.#blocks
    if (depth === this.#depth) {
      this.#directory = this.#directory.flatMap((entry) => [entry, entry])
      this.#depth += 1
    }
    const span = 2 ** (this.#depth - depth)
    const start = Math.floor(this.#leading(hash) / span) * span
    this.#directory.fill(other, start + span / 2, start + span)
    const entries = words.slice(block + head, block + head + places)
    words.fill(0, block + 1, block + head + places)
    words[block] = depth + 1
    for (const entry of entries) {
      if (entry === 0) continue
      const again = this.#hash(words, this.#cellAt(entry - 1))
      this.#insert((again >>> (31 - depth)) & 1 ? other : block, again, entry - 1)
    }
    return true
  }
}

/** Where in its block a hash would like to be: by its last bits, for the first ones led to the block. */
function home(hash: number): number {
  return (hash & 0xffff) % places
}

function after(place: number): number {
  return place + 1 === places ? 0 : place + 1
}

function hashCell(words: Uint32Array, at: number): number {
  let hash = seed
  for (let index = at; index < at + cellWords; index++) {
    hash = Math.imul(hash ^ (words[index] ?? 0), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
