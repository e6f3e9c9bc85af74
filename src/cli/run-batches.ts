import type { WaveExecutorOptions } from '../plans/wave-executor.ts'
import { prefetch } from './batch-prefetch.ts'
import { headersFor, type Keys } from './dialect-headers.ts'
import { plural } from './figures.ts'
import type { PlanDisplay } from './plan-display.ts'
import { duration } from './progress-bar.ts'
import type { RunGateway } from './run-gateway.ts'

export interface RunBatchesOptions {
  readonly gateway: Pick<RunGateway, 'url' | 'place' | 'adminToken'>
  readonly keys: Keys
  /** Where it is noted which batches were begun. */
  readonly stateFile: string
  readonly concurrency: number
  readonly display: PlanDisplay
}

/** Has each wave answered by the providers' interfaces for batches before it is asked, and adds up what they cost. */
export class RunBatches {
  readonly #options: RunBatchesOptions
  stored = 0
  costUsd = 0
  unpriced = 0

  constructor(options: RunBatchesOptions) {
    this.#options = options
  }

  readonly beforeWave: NonNullable<WaveExecutorOptions['beforeWave']> = async (requests, wave, signal) => {
    const { gateway, keys, stateFile, concurrency, display } = this.#options
    const startedMs = Date.now()
    try {
      const report = await prefetch(requests, {
        url: gateway.url,
        place: gateway.place,
        headersOf: (dialect) => headersFor(dialect, keys),
        adminToken: gateway.adminToken,
        stateFile,
        concurrency,
        signal,
        tell({ open, requests: submitted, answered }) {
          const batches = plural(open, 'batch', 'batches')
          const time = duration((Date.now() - startedMs) / 1000)
          display.waiting(`wave ${wave}: ${answered} of ${submitted} answered, ${batches} under way, ${time}`)
        },
        print: (line) => display.print(line)
      })
      this.stored += report.stored
      this.costUsd += report.costUsd
      this.unpriced += report.unpriced
      for (const [why, times] of report.failed) {
        display.print(`${plural(times, 'atom is', 'atoms are')} not answered by a batch, and asked as usual: ${why}`)
      }
    } finally {
      display.waiting(undefined)
    }
  }
}
