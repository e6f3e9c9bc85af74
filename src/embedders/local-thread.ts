import { Worker } from 'node:worker_threads'
import { NativeTurn } from './local-native-turn.ts'
import type { Farewell, Question, Reply, ThreadData, ThreadModel } from './local-protocol.ts'

export interface ThreadListener {
  heard(reply: Reply): void
  /** It has ended by itself. */
  ended(cause: Error): void
}

/** How long an ending waits for what runs. */
const endWithinMs = 5000

/** One thread that runs a local model, from its start to its end. */
export class LocalThread {
  readonly #worker: Worker
  readonly #turn = new NativeTurn()
  readonly #ended: Promise<void>
  #isEnding = false

  constructor(model: ThreadModel, listener: ThreadListener) {
    this.#worker = startWorker({ model, memory: this.#turn.memory })
    this.#worker.on('message', (reply: Reply) => listener.heard(reply))
    this.#worker.on('error', (error) => listener.ended(error))
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        turns.delete(this.#turn)
        if (turns.size === 0) process.off('exit', waitForAll)
        resolve()
        if (!this.#isEnding) listener.ended(new Error(`it ended with code ${code}`))
      })
    })
    if (turns.size === 0) process.on('exit', waitForAll)
    turns.add(this.#turn)
  }

  ask(question: Question): void {
    this.#worker.postMessage(question)
  }

  /** Whether the process goes on for the thread's sake. */
  holdProcess(isHeld: boolean): void {
    if (isHeld) this.#worker.ref()
    else this.#worker.unref()
  }

  /** Ends it once what runs has run. What takes longer than five seconds ends by itself later. */
  async end(): Promise<void> {
    this.#isEnding = true
    this.#turn.forbid()
    this.#worker.postMessage('close' satisfies Farewell)
    // It would keep the process from ending no longer than it takes.
    this.#worker.ref()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, endWithinMs)
    })
    await Promise.race([this.#ended, late])
    clearTimeout(timer)
    this.#worker.unref()
  }
}

/** Those of all threads that have not ended. */
const turns = new Set<NativeTurn>()

/** The end of the process ends the threads too, and must not do so in the middle of native code. */
function waitForAll(): void {
  for (const turn of turns) turn.forbid()
  for (const turn of turns) turn.wait(endWithinMs)
}

function startWorker(workerData: ThreadData): Worker {
  // Not this process's own flags: with some of them (`--input-type`) no thread can be started from a file.
  const options = { workerData, execArgv: [] }
  const isBuilt = !new URL(import.meta.url).pathname.endsWith('.ts')
  if (isBuilt) return new Worker(new URL('./local-worker.js', import.meta.url), options)
  // Out of the source, as in tests: a thread does not inherit what reads TypeScript in this one.
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const file = JSON.stringify(new URL('./local-worker.ts', import.meta.url))
  const bootstrap = `import(${tsx}).then(({ tsImport }) => tsImport(${file}, ${file}))`
  return new Worker(bootstrap, { ...options, eval: true })
}
