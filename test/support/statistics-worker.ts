import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { Fleet } from '../../src/metrics/fleet.ts'
import { Statistics } from '../../src/metrics/statistics.ts'
import { openStore } from '../../src/stores/open.ts'

/**
 * A process of its own whose statistics are shared by the store that is its argument. Is told `count N`, `write` and
 * `close`, line by line; prints `counted`, and `written` when it has been told to write and has.
 */
async function main(): Promise<void> {
  const store = await openStore(process.argv[2] ?? '')
  const statistics = new Statistics()
  const fleet = new Fleet(store, statistics, { writeEveryMs: 20 })
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count = '0'] = line.split(' ')
    if (command === 'close') break
    if (command === 'count') {
      for (let each = 0; each < Number(count); each++) {
        statistics.note({ type: 'looked-up', layer: 'exact', kind: 'llm' })
      }
      console.log('counted')
    } else {
      // Redis is connected to in the background.
      while ((await fleet.sum(statistics.snapshot())).complete === false) await delay(10)
      await fleet.write()
      console.log('written')
    }
  }
  await fleet.close()
  await store.close()
}

await main()
