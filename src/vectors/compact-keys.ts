import type { Blocks } from './blocks.ts'
import { cellWords, SlotTable } from './slot-table.ts'

export const cellBytes = cellWords * 4
const hexLength = cellBytes * 2

/** Up to so many keys are looked through one by one. Most partitions are that small, and do without a table. */
const few = 32

/** What a key costs that is kept as text, beside its characters: two places in two maps. */
const textOverhead = 150

/**
 * The keys of a partition, and in which slots they are. Keys end with a SHA-256 in 64 hexadecimal digits, and those
 * of one partition share what stands before it: so a key is the 32 bytes of its hash, in its slot's cell, and the
 * beginning of the first one is kept once. Any other key is kept as text.
 */
export class CompactKeys {
  readonly #blocks: Blocks
  readonly #cellAt: (slot: number) => number
  readonly #table: SlotTable
  #prefix: string | undefined
  /** The slots of cells while they are few. */
  #few: number[] | undefined = []
  #slotOfText: Map<string, number> | undefined
  #textOfSlot: Map<number, string> | undefined
  #textBytes = 0

  /** `cellAt` says where in words the cell of a slot is. */
  constructor(blocks: Blocks, cellAt: (slot: number) => number) {
    this.#blocks = blocks
    this.#cellAt = cellAt
    this.#table = new SlotTable(blocks, cellAt)
  }

  /** What is held beside the cells, in bytes; of texts an estimate. */
  get bytes(): number {
    return this.#table.bytes + this.#textBytes
  }

  /** The slot of a key, or -1. */
  find(key: string): number {
    const slot = this.#writeCell(key) ? this.#findCell() : -1
    return slot >= 0 ? slot : (this.#slotOfText?.get(key) ?? -1)
  }

  /** Notes that a key which has none has this slot, and writes its cell. */
  add(key: string, slot: number): void {
    if (this.#prefix === undefined && isHex(key, key.length - hexLength)) this.#prefix = key.slice(0, -hexLength)
    if (this.#writeCell(key)) {
      this.#blocks.words.set(cell, this.#cellAt(slot))
      if (this.#few === undefined) {
        if (this.#table.add(slot)) return
      } else if (this.#few.length < few) {
        this.#few.push(slot)
        return
      } else if (this.#makeTable(slot)) return
    }
    this.#slotOfText ??= new Map()
    this.#textOfSlot ??= new Map()
    this.#slotOfText.set(key, slot)
    this.#textOfSlot.set(slot, key)
    this.#textBytes += key.length + textOverhead
  }

  /** Forgets the key of a slot; its cell must still be there. */
  remove(slot: number): void {
    const text = this.#textOfSlot?.get(slot)
    if (text !== undefined) {
      this.#textOfSlot?.delete(slot)
      this.#slotOfText?.delete(text)
      this.#textBytes -= text.length + textOverhead
    } else if (this.#few === undefined) this.#table.remove(slot)
    else this.#few.splice(this.#few.indexOf(slot), 1)
  }

  /** A cell has been copied from one slot to another, which is now the one that counts. */
  move(from: number, to: number): void {
    const text = this.#textOfSlot?.get(from)
    if (text !== undefined) {
      this.#textOfSlot?.delete(from)
      this.#textOfSlot?.set(to, text)
      this.#slotOfText?.set(text, to)
    } else if (this.#few === undefined) this.#table.move(from, to)
    else this.#few[this.#few.indexOf(from)] = to
  }

  /** The key of a slot that has one. */
  textOf(slot: number): string {
    const at = this.#cellAt(slot) * 4
    return (
      this.#textOfSlot?.get(slot) ??
      this.#prefix + Buffer.from(this.#blocks.bytes.buffer, at, cellBytes).toString('hex')
    )
  }

  /** Forgets all keys. */
  clear(): void {
    this.#table.clear()
    this.#few = []
    this.#prefix = undefined
    this.#slotOfText = undefined
    this.#textOfSlot = undefined
    this.#textBytes = 0
  }

  #findCell(): number {
    if (this.#few === undefined) return this.#table.find(cell)
    const { words } = this.#blocks
    for (const slot of this.#few) {
      const at = this.#cellAt(slot)
      let same = 0
      while (same < cellWords && words[at + same] === cell[same]) same += 1
      if (same === cellWords) return slot
    }
    return -1
  }

  /** Leaves looking one by one; false when there is no memory for a table. */
  #makeTable(slot: number): boolean {
    const slots = [...(this.#few ?? []), slot]
    // A block has room for all of them: either none can be added, or all.
    if (!slots.every((each) => this.#table.add(each))) return false
    this.#few = undefined
    return true
  }

  /** Writes a key's bytes to `cell`; false when it is not of this partition's form. */
  #writeCell(key: string): boolean {
    const start = key.length - hexLength
    if (start !== this.#prefix?.length || !key.startsWith(this.#prefix)) return false
    for (let index = 0; index < cellBytes; index++) {
      const high = digits[key.charCodeAt(start + index * 2)]
      const low = digits[key.charCodeAt(start + index * 2 + 1)]
      if (high === undefined || low === undefined || high > 15 || low > 15) return false
      cellView[index] = high * 16 + low
    }
    return true
  }
}

const cell = new Uint32Array(cellWords)
const cellView = new Uint8Array(cell.buffer)

/** The value of a hexadecimal digit, by its character; 255 for what is none. Capital letters are none: a key must come back as it was. */
const digits = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return value < 0 ? 255 : value
})

function isHex(key: string, start: number): boolean {
  return start >= 0 && /^[0-9a-f]+$/.test(key.slice(start))
}
