import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { holdLock } from './lock-file.ts'

/** What is said of a batch before it is submitted. */
export interface BatchIntention {
  /** Unguessable: what it is known by when its id is lost. */
  readonly name: string
  readonly dialect: 'openai' | 'anthropic'
  readonly path: string
  /** The id of the newest batch that the provider had before. */
  readonly after: string | null
  /** The store's mark before it: what has been invalidated since is not stored. */
  readonly mark: number
  /** The digests of its requests; a request's place among them is in its id. */
  readonly requests: readonly string[]
}

/** A batch that is not over yet, as it was left. */
export interface OpenBatch extends BatchIntention {
  /** The provider's; undefined: it was to be submitted, and nobody has noted whether it was. */
  readonly id: string | undefined
  /** The places of requests that have been dealt with. */
  readonly settled: ReadonlySet<number>
}

type Known = { -readonly [Field in keyof OpenBatch]: OpenBatch[Field] } & { settled: Set<number> }

/**
 * Which batches were begun and what has become of them, in a file that only grows: a line is on the disk when its method
 * returns, and counts when it is whole. Beside it lies a lock, so that no two processes submit the same.
 */
export class BatchJobState {
  readonly file: string
  readonly #open = new Map<string, Known>()
  readonly #descriptor: number
  readonly #release: () => void

  private constructor(file: string, text: string, purpose: string, release: () => void) {
    this.file = file
    this.#release = release
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const [head, ...lines] = whole.split('\n').filter((line) => line !== '')
    for (const line of lines) this.#read(parsed(file, line))
    const isOthers = head !== undefined && parsed(file, head)['purpose'] !== purpose
    if (isOthers && this.#open.size > 0) {
      throw invalid(
        `${file} tells of batches that were begun with another --url, store, key or header, and have not been fetched: call it as then, or delete the file to give them up`
      )
    }
    this.#descriptor = openSync(file, 'a', 0o600)
    if (isOthers) ftruncateSync(this.#descriptor)
    else if (whole !== text) ftruncateSync(this.#descriptor, Buffer.byteLength(whole))
    if (isOthers || head === undefined) this.#write({ reprise: 'batches', version: 1, purpose })
  }

  /**
   * Opens the file, or begins it. `purpose` says for whom the batches are: with what they are asked for.
   * @throws RepriseError `invalid-option` when it tells of others, is no such file or cannot be read or written;
   * `conflict` while another process works with it
   */
  static open(file: string, purpose: string): BatchJobState {
    const release = locked(file)
    try {
      return new BatchJobState(file, contentOf(file), purpose, release)
    } catch (error) {
      release()
      if (error instanceof RepriseError) throw error
      throw invalid(`cannot write ${file}: ${messageOf(error)}`, error)
    }
  }

  /** Batches that are not over, oldest first. */
  get open(): readonly OpenBatch[] {
    return [...this.#open.values()]
  }

  intend(intention: BatchIntention): void {
    const { name, ...rest } = intention
    this.#note({ batch: name, ...rest, requests: [...intention.requests] })
  }

  submitted(name: string, id: string): void {
    this.#note({ batch: name, id })
  }

  /** These need not be dealt with again. */
  settled(name: string, places: readonly number[]): void {
    if (places.length > 0) this.#note({ batch: name, settled: [...places] })
  }

  /** Nothing is left to be had of it. */
  over(name: string): void {
    this.#note({ batch: name, over: true })
  }

  /** Gives the file up to others; it goes when nothing is open in it. */
  close(): void {
    closeSync(this.#descriptor)
    if (this.#open.size === 0) rmSync(this.file, { force: true })
    this.#release()
  }

  #note(line: JsonObject): void {
    this.#write(line)
    this.#read(line)
  }

  #write(line: JsonObject): void {
    writeSync(this.#descriptor, `${JSON.stringify(line)}\n`)
    fsyncSync(this.#descriptor)
  }

  #read({ batch, dialect, path, after, mark, requests, id, settled, over }: JsonObject): void {
    const name = String(batch)
    if (Array.isArray(requests)) {
      this.#open.set(name, {
        name,
        dialect: dialect === 'anthropic' ? 'anthropic' : 'openai',
        path: String(path),
        after: typeof after === 'string' ? after : null,
        // No store knows so old a mark, and nothing is stored.
        mark: typeof mark === 'number' ? mark : 0,
        requests: requests.map(String),
        id: undefined,
        settled: new Set()
      })
    }
    const known = this.#open.get(name)
    if (known === undefined) return
    if (typeof id === 'string') known.id = id
    if (Array.isArray(settled)) for (const place of settled) known.settled.add(Number(place))
    if (over === true) this.#open.delete(name)
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ''
    throw invalid(`cannot read ${file}: ${messageOf(error)}`, error)
  }
}

function parsed(file: string, line: string): JsonObject {
  try {
    const value: unknown = JSON.parse(line)
    if (isObject(value)) return value
  } catch {
    // Told below.
  }
  throw invalid(`${file} is no record of batches: expected JSON objects, got ${line.slice(0, 60)}`)
}

/** Holds the lock beside a file. @throws RepriseError `conflict`, `invalid-option` where none can be made */
function locked(file: string): () => void {
  try {
    return holdLock(`${file}.lock`, `works with ${file}`, 'name another file')
  } catch (error) {
    if (error instanceof RepriseError) throw error
    throw invalid(`cannot write ${file}.lock: ${messageOf(error)}`, error)
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function invalid(message: string, cause?: unknown): RepriseError {
  return new RepriseError('invalid-option', message, { cause })
}
