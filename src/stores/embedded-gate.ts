import { randomUUID } from 'node:crypto'
import {
  closeSync,
  futimesSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RepriseError } from '../core/errors.ts'

/*
 * Nobody may open the environment while somebody writes to it.
 *
 * To open an LMDB environment, a process reads the number of the last transaction from the file and puts it into the
 * memory that all processes share. When another process commits in between, the shared number falls back by one,
 * and the next transaction begins where that one began: it takes its pages, and what was acknowledged is gone.
 * Measured: with three processes that open the same folder at the same moment and write, every tenth round lost a
 * write, in a fresh folder and in an old one, and now and then a process failed on pages from the future.
 *
 * So the two exclude each other, by files beside the database:
 *
 *   opening                       held by the one process that is opening
 *   writing.HOST.PID.RANDOM       there while a process writes
 *
 * A writer puts its file there, and then looks whether somebody is opening: if so, it takes its file away and waits.
 * An opener takes its place, and then waits until no writer's file is left. Whoever of the two comes second sees the
 * other. A writer keeps its file for the length of a burst, so that it costs one `stat` a transaction.
 *
 * A process that has died leaves its file behind. It counts no more when its process is gone, when it is older than
 * the process that now has its number, or when nobody has touched it for half a minute.
 */
const markerSeconds = 30
const lingerMs = 20
const refreshMs = 1000
const pollMs = 4

/** When this process began: a file with its number from before then is another's. */
const bornMs = Date.now() - process.uptime() * 1000

export class EmbeddedGate {
  readonly #folder: string
  readonly #opening: string
  readonly #marker: string
  readonly #owner = `${hostname()}.${process.pid}.${randomUUID()}`
  #markedAtMs: number | undefined
  #lingering: NodeJS.Timeout | undefined

  constructor(folder: string) {
    this.#folder = folder
    this.#opening = join(folder, 'opening')
    this.#marker = join(folder, `writing.${this.#owner}`)
  }

  /** Runs `open` while nobody writes and nobody else opens. */
  async whileNobodyWrites<Result>(open: () => Promise<Result>): Promise<Result> {
    const untilMs = Date.now() + 2 * markerSeconds * 1000
    await this.#takeOpening(untilMs)
    try {
      while (this.#someoneWrites()) await this.#wait(untilMs, 'another process has been writing')
      return await open()
    } finally {
      if (textOf(this.#opening) === this.#owner) remove(this.#opening)
    }
  }

  /** Resolves when this process may write; it may until {@link pauseWriting}. */
  async startWriting(): Promise<void> {
    clearTimeout(this.#lingering)
    for (;;) {
      this.#mark()
      if (!this.#someoneOpens()) return
      this.stopWriting()
      await delay(pollMs)
    }
  }

  /** To be called when nothing is being written: others may open soon, unless writing goes on at once. */
  pauseWriting(): void {
    this.#lingering = setTimeout(() => this.stopWriting(), lingerMs)
  }

  stopWriting(): void {
    clearTimeout(this.#lingering)
    if (this.#markedAtMs !== undefined) remove(this.#marker)
    this.#markedAtMs = undefined
  }

  #mark(): void {
    const nowMs = Date.now()
    if (this.#markedAtMs !== undefined && nowMs - this.#markedAtMs < refreshMs) return
    // Made anew where it has been taken for a dead one's, as after this process was stopped for long.
    const file = openSync(this.#marker, 'a', 0o600)
    futimesSync(file, nowMs / 1000, nowMs / 1000)
    closeSync(file)
    this.#markedAtMs = nowMs
  }

  #someoneOpens(): boolean {
    const touchedMs = touchedMsOf(this.#opening)
    return touchedMs !== undefined && isAlive(textOf(this.#opening) ?? '', touchedMs)
  }

  #someoneWrites(): boolean {
    let count = 0
    for (const name of readdirSync(this.#folder)) {
      if (!name.startsWith('writing.')) continue
      const marker = join(this.#folder, name)
      const touchedMs = touchedMsOf(marker)
      if (touchedMs === undefined) continue
      if (isAlive(name.slice('writing.'.length), touchedMs)) count++
      else remove(marker)
    }
    return count > 0
  }

  async #takeOpening(untilMs: number): Promise<void> {
    for (;;) {
      try {
        writeFileSync(this.#opening, this.#owner, { flag: 'wx', mode: 0o600 })
        return
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      if (!this.#someoneOpens() && (await this.#takeOver())) return
      await this.#wait(untilMs, 'another process has been opening it')
    }
  }

  /** Takes the place of an opener that has died. Of several that try, the last one has it, and sees it a moment later. */
  async #takeOver(): Promise<boolean> {
    const mine = `${this.#opening}.${this.#owner}`
    writeFileSync(mine, this.#owner, { mode: 0o600 })
    renameSync(mine, this.#opening)
    await delay(10 * pollMs)
    return textOf(this.#opening) === this.#owner
  }

  async #wait(untilMs: number, why: string): Promise<void> {
    if (Date.now() > untilMs) {
      throw new RepriseError('store-unavailable', `cannot open ${this.#folder}: ${why} for too long`)
    }
    await delay(pollMs)
  }
}

/** Whether the owner of a file (`HOST.PID.RANDOM`, or not to be read yet) can still be at it. */
function isAlive(owner: string, touchedMs: number): boolean {
  if (Date.now() - touchedMs > markerSeconds * 1000) return false
  const [, host, id] = /^(.*)\.(\d+)\.[\w-]+$/.exec(owner) ?? []
  // Of a process elsewhere, in another container perhaps, only the time can be known.
  if (host !== hostname()) return true
  const pid = Number(id)
  if (pid === process.pid) return touchedMs >= bornMs
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function touchedMsOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // Gone already: somebody else thought it was nobody's.
  }
}
