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
const againMs = 2
/** How long a process that ends may be held up by a reader that does not read. */
const exitWithinMs = 500

/**
 * Writes lines to a file descriptor beside what goes on, and what still waits when the process exits. It never blocks and
 * never throws: lines for which a slow reader leaves no room are lost and counted, and once nobody reads any more (a
 * closed pipe) all are. A process that exits waits half a second at most for the reader of a pipe. (pino's own
 * destination flushes until it has succeeded: a process whose output nobody reads any more would never end.)
 */
export function lineOutput({ fd = 1, mostWaiting = 8_000_000, lost }: LineOutputOptions): {
  write(line: string): void
} {
  const pipe = nonBlockingPipe(fd)
  let waiting: string[] = []
  let length = 0
  let lostCount = 0
  /** What is being written, as far as it has not been. */
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
    // What is said within the same turn goes out together.
    if (state === 'idle') writeSoon()
  }

  function writeSoon(): void {
    state = 'due'
    setImmediate(writeNext)
  }

  function writeNext(): void {
    const bytes = nextChunk()
    if (bytes === undefined) {
      state = 'idle'
      return
    }
    state = 'writing'
    if (pipe === undefined) {
      write(fd, bytes, heard)
      return
    }
    try {
      heard(null, writeSync(pipe, bytes))
    } catch (error) {
      heard(error as NodeJS.ErrnoException, 0)
    }
  }

  function nextChunk(): Buffer | undefined {
    if (chunk !== undefined) return chunk
    if (lostCount > 0 && length < mostWaiting / 2) {
      const line = lost(lostCount)
      waiting.push(line)
      length += line.length
      lostCount = 0
    }
    let taken = 0
    let count = 0
    while (count < waiting.length && taken < chunkLength) taken += waiting[count++]?.length ?? 0
    if (count === 0) return undefined
    chunk = Buffer.from(waiting.slice(0, count).join(''))
    waiting = waiting.slice(count)
    length -= taken
    return chunk
  }

  function heard(error: NodeJS.ErrnoException | null, written: number): void {
    if (error === null) {
      advance(written)
      writeSoon()
    } else if (isBusy(error)) {
      state = 'due'
      setTimeout(writeNext, againMs).unref()
    } else if (error.code === 'EPIPE' || error.code === 'EBADF') {
      state = 'over'
      chunk = undefined
      waiting = []
    } else {
      // A full disk may have room again.
      chunk = undefined
      writeSoon()
    }
  }

  function advance(written: number): void {
    chunk = chunk !== undefined && written < chunk.length ? chunk.subarray(written) : undefined
  }

  process.on('exit', () => {
    if (state === 'over') return
    if (state === 'writing') {
      // A thread is at it, and its end cannot be heard of any more.
      sleep(50)
      chunk = undefined
    }
    const untilMs = performance.now() + exitWithinMs
    for (let bytes = nextChunk(); bytes !== undefined && performance.now() < untilMs; bytes = nextChunk()) {
      try {
        advance(writeSync(pipe ?? fd, bytes))
      } catch (error) {
        if (!isBusy(error as NodeJS.ErrnoException)) return
        sleep(againMs)
      }
    }
  })
  return { write: add }
}

/**
 * A pipe opened once more, so that writing to it does not wait for its reader: it cannot be told so itself, since others
 * may have it too. Files need no waiting for, and sockets cannot be opened once more: a thread writes to them.
 */
function nonBlockingPipe(fd: number): number | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

function isBusy({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAGAIN' || code === 'EBUSY'
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
