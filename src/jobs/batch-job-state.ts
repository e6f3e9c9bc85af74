import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { hostname } from 'node:os'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'

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

  private constructor(file: string, text: string, purpose: string) {
    this.file = file
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const [head, ...lines] = whole.split('\n').filter((line) => line !== '')
    for (const line of lines) this.#read(parsed(file, line))
    const isOthers = head !== undefined && parsed(file, head)['purpose'] !== purpose
    if (isOthers && this.#open.size > 0) {
      throw invalid(
        `${file} tells of batches that were begun with another --url, key or header, and have not been fetched: call it as then, or delete the file to give them up`
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
    lock(file)
    try {
      return new BatchJobState(file, contentOf(file), purpose)
    } catch (error) {
      rmSync(lockOf(file), { force: true })
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
    rmSync(lockOf(this.file), { force: true })
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

function lockOf(file: string): string {
  return `${file}.lock`
}

/** Takes the lock; one whose process is gone is taken over. @throws RepriseError `conflict` */
function lock(file: string): void {
  const path = lockOf(file)
  const own = `${process.pid} ${hostname()}\n`
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(path, own, { flag: 'wx', mode: 0o600 })
      return
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw invalid(`cannot write ${path}: ${messageOf(error)}`, error)
    }
    const holder = contentOf(path)
    if (holder !== '' && isAlive(holder)) break
    const aside = `${path}.${process.pid}`
    try {
      // Of several who find the same one left behind, one moves it.
      renameSync(path, aside)
    } catch {
      continue
    }
    const moved = contentOf(aside)
    rmSync(aside, { force: true })
    // Somebody has taken it over between the look and the move: it is theirs.
    if (moved !== holder) writeFileSync(path, moved, { mode: 0o600 })
  }
  throw new RepriseError(
    'conflict',
    `another run works with ${file}: wait for it, or delete ${path} when there is none`
  )
}

function isAlive(holder: string): boolean {
  const [pid = '', host = ''] = holder.trim().split(' ')
  // Of another machine's process nobody here can tell.
  if (host !== hostname()) return true
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return !hasCode(error, 'ESRCH')
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function invalid(message: string, cause?: unknown): RepriseError {
  return new RepriseError('invalid-option', message, { cause })
}
