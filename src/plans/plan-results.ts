import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
  writeFileSync
} from 'node:fs'
import { resolve } from 'node:path'
import { messageOf, RepriseError } from '../core/errors.ts'
import { holdLock } from '../jobs/lock-file.ts'
import type { Plan } from './plan.ts'
import { type AnsweredLine, lineHead, lineText, type ResultLine, readResultLine } from './result-line.ts'

export interface PlanResultsOptions {
  /** Does not count what was answered before; it is gone from the file with the first new line. Default: false. */
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
  readonly #path: string
  readonly #descriptor: number
  readonly #release: () => void
  /** How many bytes it has, when nobody else has written it. */
  #size = 0
  /** How many of them count. */
  #end = 0
  #isClosed = false

  constructor(name: string) {
    this.#name = name
    this.#path = resolve(name)
    this.#checkKind()
    try {
      this.#descriptor = openSync(name, 'a+', 0o600)
    } catch (error) {
      throw this.#invalid(`cannot open ${name}: ${messageOf(error)}; name another file for the results`, error)
    }
    try {
      // By the name that it has for everybody.
      this.#release = holdLock(
        `${realpathSync(name)}.lock`,
        'is writing these results',
        'name another file for the results'
      )
    } catch (error) {
      closeSync(this.#descriptor)
      throw error instanceof RepriseError
        ? error
        : this.#invalid(`cannot write beside ${name}: ${messageOf(error)}; name another file for the results`, error)
    }
  }

  /** The lines of the plan that count: not one that was cut by a kill. Nothing is taken off before there is something new. */
  read(plan: string, restart: boolean): readonly ResultLine[] {
    const bytes = this.#bytes()
    this.#checkOwn(bytes, plan)
    const end = restart ? 0 : bytes.lastIndexOf(feed) + 1
    this.#size = bytes.length
    this.#end = end
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
    this.#checkUntouched()
    try {
      if (this.#end < this.#size) ftruncateSync(this.#descriptor, this.#end)
      this.#size = this.#end
      writeFileSync(this.#descriptor, text)
      this.#end += Buffer.byteLength(text)
      this.#size = this.#end
    } catch (error) {
      this.#cut()
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
  #cut(): void {
    try {
      ftruncateSync(this.#descriptor, this.#end)
    } catch {
      // It is not counted when the file is opened the next time.
    }
  }

  /** A device would swallow the answers, and a pipe waits for somebody. */
  #checkKind(): void {
    if (this.#named()?.isFile() === false) {
      throw this.#invalid(`${this.#name} is a folder or a device: expected a file; name another for the results`)
    }
  }

  #named(): Stats | undefined {
    try {
      return statSync(this.#path, { throwIfNoEntry: false })
    } catch {
      // Whatever keeps it from being looked at is told of when it is opened.
      return undefined
    }
  }

  /** Answers that are written where nobody finds them, or into what somebody else is changing, would be paid for in vain. */
  #checkUntouched(): void {
    const own = fstatSync(this.#descriptor)
    const named = this.#named()
    const isThere = named !== undefined && named.ino === own.ino && named.dev === own.dev
    if (isThere && own.size === this.#size) return
    throw this.#invalid(
      `${this.#name} was ${isThere ? 'changed' : 'deleted, moved or replaced'} by somebody else: expected nobody to ` +
        'touch it while the plan is run; start the run again (what was answered is found in the cache)'
    )
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
