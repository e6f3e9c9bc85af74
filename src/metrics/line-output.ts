import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'

export interface LineOutputOptions {
  /** Default: 1, the standard output. */
  readonly fd?: number
  /** The most characters that wait to be written; lines beyond are lost. Default: 8 million. */
  readonly mostWaiting?: number
  /** What is written in place of lines that were lost: how many. */
  readonly lost: (count: number) => string
}

/** Characters that are written at once. */
const chunkLength = 1_000_000
const againMs = 20
/** How long a process that ends may be held up by a reader that does not read. */
const exitWithinMs = 500

/**
 * Writes lines to a file descriptor beside the event loop, and what still waits when the process exits. It never blocks
 * and never throws: lines for which a slow reader leaves no room are lost and counted, and once nobody reads any more
 * (a closed pipe) all are. A process that exits waits half a second at most. (pino's own destination flushes until it
 * has succeeded, and a process whose output has been closed never ends.)
 */
export function lineOutput({ fd = 1, mostWaiting = 8_000_000, lost }: LineOutputOptions): {
  write(line: string): void
} {
  const own = nonBlocking(fd)
  let waiting: string[] = []
  let length = 0
  let lostCount = 0
  /** Its beginning may have been written already. */
  let chunk: Buffer | undefined
  let state: 'idle' | 'due' | 'writing' | 'over' = 'idle'

  function add(line: string): void {
    if (state === 'over') return
    if (length + line.length > mostWaiting) {
      lostCount += 1
      return
    }
    waiting.push(line)
    length += line.length
    if (state !== 'idle') return
    state = 'due'
    // What is said within the same turn goes out together.
    setImmediate(writeNext)
  }

  function nextChunk(): Buffer | undefined {
    if (chunk !== undefined) return chunk
    if (lostCount > 0 && length < mostWaiting / 2) {
      waiting.push(lost(lostCount))
      lostCount = 0
    }
    let taken = 0
    let count = 0
    while (count < waiting.length && taken < chunkLength) taken += waiting[count++]?.length ?? 0
    if (count === 0) return undefined
    const text = waiting.slice(0, count).join('')
    waiting = waiting.slice(count)
    length = Math.max(0, length - text.length)
    chunk = Buffer.from(text)
    return chunk
  }

  function writeNext(): void {
    const bytes = nextChunk()
    state = bytes === undefined ? 'idle' : 'writing'
    if (bytes === undefined) return
    write(own, bytes, (error, written) => {
      if (error === null) advance(written)
      else if (isBusy(error)) {
        state = 'due'
        setTimeout(writeNext, againMs).unref()
        return
      } else giveUp(error)
      if (state !== 'over') writeNext()
    })
  }

  function advance(written: number): void {
    chunk = chunk !== undefined && written < chunk.length ? chunk.subarray(written) : undefined
  }

  /** A full disk may have room again; a pipe that nobody reads any more stays so. */
  function giveUp(error: NodeJS.ErrnoException): void {
    chunk = undefined
    if (error.code !== 'EPIPE' && error.code !== 'EBADF') return
    state = 'over'
    waiting = []
    length = 0
  }

  process.on('exit', () => {
    if (state === 'over') return
    const untilMs = performance.now() + exitWithinMs
    // What is under way is a thread's, and its end cannot be heard of any more.
    if (state === 'writing') {
      sleep(againMs)
      chunk = undefined
    }
    for (let bytes = nextChunk(); bytes !== undefined && performance.now() < untilMs; bytes = nextChunk()) {
      try {
        advance(writeSync(own, bytes))
      } catch (error) {
        if (!isBusy(error as NodeJS.ErrnoException)) return
        sleep(againMs)
      }
    }
  })
  return { write: add }
}

/**
 * A pipe is opened once more, so that writing to it does not wait for its reader, without changing that for others who
 * have it. What is no pipe hardly makes one wait.
 */
function nonBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return fd
  }
}

function isBusy({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAGAIN' || code === 'EBUSY'
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
