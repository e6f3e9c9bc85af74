import { setMaxListeners } from 'node:events'

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/** The user's wish to end, as signals that work can heed. */
export interface Interruption {
  /** Aborts at the first: nothing more is to be begun. */
  readonly stop: AbortSignal
  /** Aborts at the second: what is under way is to be given up. */
  readonly abort: AbortSignal
  /** What the program is to end with because of it; undefined: nobody has interrupted. */
  exitCode(): number | undefined
  /** Gives the signals back to the system. */
  release(): void
}

/** Listens for SIGINT (ctrl-c) and SIGTERM until it is released. `onFirst` tells the user what happens now. */
export function interruption(onFirst: () => void): Interruption {
  const stop = new AbortController()
  const abort = new AbortController()
  // As many listen as requests are under way.
  setMaxListeners(0, stop.signal, abort.signal)
  let exitCode: number | undefined

  function interrupt(signal: keyof typeof exitCodes): void {
    if (exitCode !== undefined) {
      abort.abort()
      return
    }
    exitCode = exitCodes[signal]
    stop.abort()
    onFirst()
  }

  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return {
    stop: stop.signal,
    abort: abort.signal,
    exitCode: () => exitCode,
    release() {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    }
  }
}
