import type { EmbeddedDatabase } from './embedded-environment.ts'

/**
 * Watches for readers that keep room from being used again. Whoever reads holds on to the state that it reads, for a
 * millisecond or two; but a process that is stopped just then holds on for as long as it is, and the file grows with
 * every write.
 */
export class ReaderWatch {
  readonly #database: EmbeddedDatabase
  #oldest: { readonly pid: number; readonly transaction: number } | undefined
  #latest = 0

  constructor(database: EmbeddedDatabase) {
    this.#database = database
  }

  /** How large the file is, in bytes. */
  fileBytes(): number {
    const { lastPageNumber, pageSize } = this.#database.getStats() as { lastPageNumber: number; pageSize: number }
    return (lastPageNumber + 1) * pageSize
  }

  /** The process that reads what it read at the last call, though others have written since; undefined: there is none. */
  stuckProcess(): number | undefined {
    const readers = [...this.#database.readerList().matchAll(/^\s*(\d+)\s+[0-9a-f]+\s+(\d+)$/gm)]
    const states = readers.map(([, pid, transaction]) => ({ pid: Number(pid), transaction: Number(transaction) }))
    const others = states.filter(({ pid }) => pid !== process.pid).sort((a, b) => a.transaction - b.transaction)
    const [oldest] = others
    const last = this.#oldest
    const isStuck = oldest !== undefined && last?.pid === oldest.pid && last.transaction === oldest.transaction
    const hasGoneOn = this.#latest > (oldest?.transaction ?? 0)
    this.#oldest = oldest
    this.#latest = (this.#database.getStats() as { lastTxnId: number }).lastTxnId
    return isStuck && hasGoneOn ? oldest.pid : undefined
  }
}
