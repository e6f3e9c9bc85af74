import { benchArena } from './arena.ts'
import { benchGateway } from './gateway.ts'

const benches: Readonly<Record<string, () => Promise<void>>> = { gateway: benchGateway, arena: benchArena }
const [name = ''] = process.argv.slice(2)
const bench = benches[name]

if (bench === undefined) {
  console.error(`npm run bench -- NAME, where NAME is one of: ${Object.keys(benches).join(', ')}`)
  process.exitCode = 1
} else {
  await bench()
}
