import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  realpathSync,
  writeFileSync
} from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Plan } from './plan.ts'
import { type AnsweredLine, lineHead, lineText, type ResultLine, readResultLine } from './result-line.ts'
import { holdLock } from './results-lock.ts'

export interface PlanResultsOptions {
  /** Forgets what was answered before. Default: false. */
  readonly restart?: boolean
}

/**
 * What became of a plan's atoms, and what a run need not ask again. In a file it is JSONL that only grows, a line for
 * each atom that was settled. A line that is not whole does not count, so that it can be read after a kill at any instant.
 */
export class PlanResults {
  readonly #lines = new Map<string, ResultLine>()
  readonly #file: ResultsFile | undefined

  private constructor(file?: ResultsFile) {
    this.#file = file
  }

  /** Results that are gone when the process is. Given to a later run of the same plan, they spare it what was answered. */
  static inMemory(): PlanResults {
    return new PlanResults()
  }

  /**
   * Opens a file of results, or begins it, readable for its owner alone; `close()` lets others open it.
   * @throws RepriseError `conflict` while another run writes it; `invalid-option` when it holds something else, or
   * cannot be read or written; the message names the remedy
   */
  static open(file: string, plan: Pick<Plan, 'id'>, { restart = false }: PlanResultsOptions = {}): PlanResults {
    const opened = new ResultsFile(file)
    try {
      const results = new PlanResults(opened)
      for (const line of opened.read(plan.id, restart)) results.#lines.set(line.atom, line)
      return results
    } catch (error) {
      opened.close()
      throw error
    }
  }

  /** How many atoms it holds something of. */
  get size(): number {
    return this.#lines.size
  }

  /** The answer that an atom was given, if it was asked the same: `request` is its hash. */
  answerTo(atom: string, request: string): AnsweredLine | undefined {
    const line = this.#lines.get(atom)
    return line?.ok === true && line.request === request ? line : undefined
  }

  /** Notes what became of an atom. It is in the system's hands when this returns: a kill of this process spares it. */
  note(line: ResultLine): void {
    this.#file?.append(lineText(line))
    this.#lines.set(line.atom, line)
  }

  /** Closes the file. Does nothing the second time. */
  close(): void {
    this.#file?.close()
  }
}

const feed = 0x0a

class ResultsFile {
  readonly #name: string
  readonly #descriptor: number
  readonly #release: () => void
  #isClosed = false

  constructor(name: string) {
    this.#name = name
    try {
      this.#descriptor = openSync(name, 'a+', 0o600)
    } catch (error) {
      throw this.#invalid(`cannot open ${name}: ${messageOf(error)}; name another file for the results`, error)
    }
    try {
      // By the name that it has for everybody.
      this.#release = holdLock(`${realpathSync(name)}.lock`)
    } catch (error) {
      closeSync(this.#descriptor)
      throw error instanceof RepriseError
        ? error
        : this.#invalid(`cannot write beside ${name}: ${messageOf(error)}; name another file for the results`, error)
    }
  }

  /** The lines of the plan. What was cut by a kill is taken off. */
  read(plan: string, restart: boolean): readonly ResultLine[] {
    const bytes = this.#bytes()
    this.#checkOwn(bytes, plan)
    const end = restart ? 0 : bytes.lastIndexOf(feed) + 1
    if (end < bytes.length) ftruncateSync(this.#descriptor, end)
    const lines: ResultLine[] = []
    for (let from = 0, number = 1; from < end; number++) {
      const to = bytes.indexOf(feed, from)
      const text = bytes.toString('utf8', from, to)
      from = to + 1
      if (text.trim() === '') continue
      const line = readResultLine(text, plan)
      if (line === undefined) {
        throw this.#invalid(
          `${this.#name} is damaged: line ${number}: expected a result of ${plan}, got ${JSON.stringify(text.slice(0, 60))}; remove that line, or begin anew with restart (what is in the cache is found there and costs nothing)`
        )
      }
      lines.push(line)
    }
    return lines
  }

  append(text: string): void {
    if (this.#isClosed) throw this.#invalid(`${this.#name} was closed: expected to be written before that`)
    const before = fstatSync(this.#descriptor).size
    try {
      writeFileSync(this.#descriptor, text)
    } catch (error) {
      this.#cut(before)
      throw this.#invalid(
        `cannot write ${this.#name}: ${messageOf(error)}; what was answered before is in it, and the plan can be resumed`,
        error
      )
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    try {
      fsyncSync(this.#descriptor)
    } finally {
      closeSync(this.#descriptor)
      this.#release()
    }
  }

  #bytes(): Buffer {
    try {
      return readFileSync(this.#name)
    } catch (error) {
      throw this.#invalid(`cannot read ${this.#name}: ${messageOf(error)}; name another file for the results`, error)
    }
  }

  /** Half a line must not be what the next one is written behind. */
  #cut(size: number): void {
    try {
      ftruncateSync(this.#descriptor, size)
    } catch {
      // It is taken off when the file is opened the next time.
    }
  }

  /** Nothing of a file is touched that holds something else: a plan, say, that was named by mistake. */
  #checkOwn(bytes: Buffer, plan: string): void {
    const head = lineHead(plan)
    const first = bytes.subarray(0, Buffer.byteLength(head))
    const isCut = bytes.length < Buffer.byteLength(head) && Buffer.from(head).subarray(0, bytes.length).equals(bytes)
    if (isCut || first.toString() === head) return
    const [, other] = /^\{"plan":"([\w.-]+)","atom":"/.exec(bytes.toString('utf8', 0, 200)) ?? []
    const what = other === undefined ? 'something else than results of a plan' : `results of another plan, ${other}`
    throw this.#invalid(`${this.#name} holds ${what}: expected those of ${plan}; name another file for the results`)
  }

  #invalid(message: string, cause?: unknown): RepriseError {
    return new RepriseError('invalid-option', message, cause === undefined ? {} : { cause })
  }
}
