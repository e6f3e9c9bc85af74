import type { WarmRequest } from '../jobs/warm-lines.ts'
import { adminTokenFor } from './admin-token.ts'
import { type PrefetchReport, prefetch } from './batch-prefetch.ts'
import { headersFor } from './dialect-headers.ts'
import { dollars, plural } from './figures.ts'
import { interruption } from './interruption.ts'
import { duration } from './progress-bar.ts'
import { barOf, type WarmOptions } from './warm-job.ts'

/**
 * Has the requests of a file answered by the providers' interfaces for batches. Resolves with what the program is to end
 * with when it was interrupted; with undefined when what is left is to be asked as usual.
 */
export async function warmByBatch(
  file: string,
  requests: AsyncIterable<WarmRequest>,
  options: WarmOptions
): Promise<number | undefined> {
  const { url, output, keys, headers, environment, concurrency, patience } = options
  const all: WarmRequest[] = []
  for await (const request of requests) all.push(request)
  const stateFile = `${options.state ?? file}.batches`
  const startedMs = Date.now()
  const seconds = (): number => (Date.now() - startedMs) / 1000
  const bar = barOf(all.length, options)
  const user = interruption(() => bar.print('stopping: batches go on at the provider'))
  let report: PrefetchReport
  try {
    report = await prefetch(all, {
      url,
      headersOf: (dialect) => headersFor(dialect, keys, headers),
      adminToken: await adminTokenFor(url, environment),
      stateFile,
      concurrency,
      signal: user.stop,
      patience,
      tell({ open, requests: asked, answered, stored, failed }) {
        bar.update(stored, [
          `${plural(open, 'batch', 'batches')} of ${plural(asked, 'request', 'requests')} under way`,
          `${answered} answered`,
          `${failed} failed`,
          duration(seconds())
        ])
      },
      print: (line) => bar.print(line)
    })
  } finally {
    user.release()
    bar.end()
  }
  const { hits, unsuitable, submitted, batches, stored, costUsd, unpriced, failed } = report
  const price = `${dollars(costUsd)}${unpriced === 0 ? '' : ` and ${plural(unpriced, 'answer', 'answers')} without a known price`}`
  output.write(
    `${file}: ${plural(hits, 'hit', 'hits')}, ${submitted} submitted in ${plural(batches, 'batch', 'batches')}, ${stored} stored for ${price}, in ${duration(seconds())}\n`
  )
  if (unsuitable > 0) output.write(`${plural(unsuitable, 'request is', 'requests are')} nothing for a batch\n`)
  for (const [why, times] of failed) output.write(`${plural(times, 'request', 'requests')} without an answer: ${why}\n`)
  if (!report.isOver) output.write(`batches go on at the provider, says ${stateFile}; the same command picks them up\n`)
  return user.exitCode()
}
