import { once } from 'node:events'
import type { Event } from '../../src/core/events.ts'
import { createLog } from '../../src/metrics/log.ts'

function answered(tookMs: number): Event {
  return {
    type: 'answered',
    kind: 'llm',
    model: 'gpt-4o',
    outcome: 'hit',
    layer: 'exact',
    tookMs,
    tags: [],
    tenant: undefined,
    origin: { layer: 'exact', key: 'llm:gpt-4o:0123456789abcdef', savedUsd: 0.01 }
  }
}

/**
 * A process of its own that logs once it is told to, and ends. `exit`: 5,000 lines, at once and by `process.exit`. `end`:
 * by having nothing left to do. `burst`: more than may wait, within one turn.
 */
async function main(): Promise<void> {
  const log = createLog()
  await once(process.stdin, 'data')
  const count = process.argv[2] === 'burst' ? 200_000 : 5000
  for (let each = 0; each < count; each++) log(answered(each))
  if (process.argv[2] === 'exit') process.exit(0)
}

await main()
