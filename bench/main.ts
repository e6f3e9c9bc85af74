import { benchArena } from './arena.ts'
import { benchBatching } from './batching.ts'
import { benchEmbedders } from './embedders.ts'
import { benchGateway } from './gateway.ts'
import { benchInvalidation } from './invalidation.ts'
import { benchMeaning } from './meaning.ts'
import { benchOutcomes } from './outcomes.ts'
import { benchPlans } from './plans.ts'
import { benchRedisVectors } from './redis-vectors.ts'
import { benchRetrieval } from './retrieval.ts'
import { benchRouter } from './router.ts'
import { benchVectors } from './vectors.ts'

const benches: Readonly<Record<string, () => Promise<void>>> = {
  gateway: benchGateway,
  arena: benchArena,
  batching: benchBatching,
  embedders: benchEmbedders,
  invalidation: benchInvalidation,
  meaning: benchMeaning,
  outcomes: benchOutcomes,
  plans: benchPlans,
  'redis-vectors': benchRedisVectors,
  retrieval: benchRetrieval,
  router: benchRouter,
  vectors: benchVectors
}
const [name = ''] = process.argv.slice(2)
const bench = benches[name]

if (bench === undefined) {
  console.error(`npm run bench -- NAME, where NAME is one of: ${Object.keys(benches).join(', ')}`)
  process.exitCode = 1
} else {
  await bench()
}
