import { embeddedStore } from '../src/stores/embedded.ts'
import { localVectors } from '../src/vectors/local.ts'
import { randomUnit, seeded } from '../test/support/unit-vectors.ts'
import { longestHold } from './longest-hold.ts'

/**
 * A process that has just been started and reads a partition, as a gateway does: `reading.ts FOLDER PARTITION
 * DIMENSIONS` prints how many vectors it has read, how long that took, how long it held the event loop at most, and how
 * long that does not come round when nothing is done.
 */
const [folder = '', partition = '', dimensions = ''] = process.argv.slice(2)
const store = await embeddedStore({ folder, maxBytes: 2 * 1024 ** 3 })
if (store.vectors === undefined) throw new Error('the embedded store keeps no vectors')
const besideMs = await longestHold(new Promise((resolve) => setTimeout(resolve, 300)))
const index = localVectors({ vectors: store.vectors, hydrateWithinMs: 600_000 })
const startedAt = performance.now()
const holdMs = await longestHold(index.nearest(partition, randomUnit(seeded(1), Number(dimensions)), 0.85, 1))
const tookMs = performance.now() - startedAt
console.log(JSON.stringify({ vectors: index.usage().vectors, tookMs, holdMs, besideMs }))
await index.close()
await store.close()
