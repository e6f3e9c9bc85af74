import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import { LineSet } from './line-set.ts'

export interface WarmStateOptions {
  /** SHA-256 of what is done, in hexadecimal: of the file's content. */
  readonly digest: string
  /** The same for how it is done: another gateway, credential or tag is another job. A few hexadecimal digits. */
  readonly purpose: string
  /** The number of the file's last line. */
  readonly lastLine: number
  /** Forgets what was done before. Default: false. */
  readonly restart?: boolean
  /** After how many notes the file is written anew as ranges. Default: 10,000. */
  readonly compactEvery?: number
}

/**
 * Which lines of a file are done, in a file of its own: a head, then a line for each number (`17`) or range (`18-40`).
 * It only grows, and a line counts when it is whole, so that it can be read after a kill at any instant. Now and then it
 * is written anew, as ranges, beside itself and then in its own place.
 */
export class WarmState {
  readonly #file: string
  readonly #head: string
  readonly #compactEvery: number
  readonly #done: LineSet
  #descriptor: number
  #notes = 0
  #isFinished = false

  private constructor(file: string, head: string, done: LineSet, compactEvery: number) {
    this.#file = file
    this.#head = head
    this.#done = done
    this.#compactEvery = compactEvery
    this.#descriptor = this.#rewritten()
  }

  /**
   * Opens the file, or begins it.
   * @throws RepriseError `invalid-option` when it tells of another job, is no such file, or cannot be read or written;
   * the message names the remedy
   */
  static open(file: string, options: WarmStateOptions): WarmState {
    const { digest, purpose, lastLine, restart = false, compactEvery = 10_000 } = options
    const head = `${title} content:${digest} how:${purpose}\n`
    const text = contentOf(file)
    // Also the beginning of a head that a kill has cut: nothing was done yet.
    if (!text.startsWith(title) && !title.startsWith(text)) {
      throw invalid(`${file} is no record of reprise warm: name another file with --state FILE`)
    }
    const done = restart || !text.includes('\n') ? new LineSet() : readDone(file, text, head, lastLine)
    try {
      return new WarmState(file, head, done, compactEvery)
    } catch (error) {
      throw invalid(`cannot write ${file}: ${messageOf(error)}; name another file with --state FILE`, error)
    }
  }

  /** How many lines are done. */
  get count(): number {
    return this.#done.size
  }

  isDone(line: number): boolean {
    return this.#done.has(line)
  }

  /** Notes that lines are done. They are in the system's hands when this returns: a kill of this process spares them. */
  note(lines: readonly number[]): void {
    const fresh = lines.filter((line) => !this.#done.has(line))
    if (fresh.length === 0) return
    for (const line of fresh) this.#done.add(line)
    writeSync(this.#descriptor, `${fresh.join('\n')}\n`)
    this.#notes += fresh.length
    if (this.#notes >= this.#compactEvery) this.#compact()
  }

  /** Writes that nothing is left to do, for whoever opens the file. */
  finish(): void {
    this.#isFinished = true
  }

  close(): void {
    this.#compact()
    fsyncSync(this.#descriptor)
    closeSync(this.#descriptor)
  }

  #compact(): void {
    const old = this.#descriptor
    this.#descriptor = this.#rewritten()
    closeSync(old)
    this.#notes = 0
  }

  /** Opens the file for more notes, after it has been written anew in one step. */
  #rewritten(): number {
    const draft = `${this.#file}.new`
    const ranges = [...this.#done.ranges()].map(([first, last]) =>
      first === last ? `${first}\n` : `${first}-${last}\n`
    )
    writeFileSync(draft, `${this.#head}${ranges.join('')}${this.#isFinished ? `${finished}\n` : ''}`)
    renameSync(draft, this.#file)
    return openSync(this.#file, 'a')
  }
}

const title = 'reprise warm 1'
const finished = 'finished'
const remedy =
  '--restart begins anew (what is in the cache is found there and costs nothing), --state FILE keeps a record of its own'

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw invalid(`cannot read ${file}: ${messageOf(error)}; name another file with --state FILE`, error)
  }
}

function readDone(file: string, text: string, head: string, lastLine: number): LineSet {
  const [first = '', ...lines] = text.split('\n')
  if (`${first}\n` !== head) {
    const isOtherContent = first.split(' ')[3] !== head.split(' ')[3]
    const what = isOtherContent
      ? 'another content: what is to be done has changed since it was begun'
      : 'another way: --url, a key in the environment, --tag, --ttl or --header have changed since it was begun'
    throw invalid(`${file} tells how far another run got, with ${what}; ${remedy}`)
  }
  // What follows the last line feed was being written when the process was killed.
  lines.pop()
  const done = new LineSet()
  for (const line of lines) {
    if (line === finished) continue
    const [, from, to = from] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(line) ?? []
    const end = Number(to)
    if (from === undefined || end > lastLine) {
      throw invalid(
        `${file} is damaged: expected numbers of lines up to ${lastLine}, got ${JSON.stringify(line.slice(0, 40))}; ${remedy}`
      )
    }
    for (let number = Number(from); number <= end; number++) done.add(number)
  }
  return done
}

function invalid(message: string, cause?: unknown): RepriseError {
  return new RepriseError('invalid-option', message, { cause })
}
