import { startRedisServer } from './redis-server.ts'

/**
 * A `redis-server` with vector sets: what REPRISE_REDIS8_SERVER names, or else the one that the other tests use, if it
 * has them. Without one it says loudly that tests are left out, and fails where REPRISE_REQUIRE_REDIS8 is 1.
 */
export async function findRedis8(): Promise<string | undefined> {
  const named = process.env['REPRISE_REDIS8_SERVER']
  const binary = named ?? process.env['REPRISE_REDIS_SERVER'] ?? 'redis-server'
  if (await hasVectorSets(binary)) return binary
  if (named !== undefined) throw new Error(`REPRISE_REDIS8_SERVER names ${named}, which has no vector sets`)
  const missing = `${binary} has no vector sets, and REPRISE_REDIS8_SERVER names no other: scripts/redis8.sh FOLDER fetches one`
  if (process.env['REPRISE_REQUIRE_REDIS8'] === '1') throw new Error(missing)
  console.warn(`\nNOT TESTED: Redis 8 Vector Sets. ${missing}\n`)
  return undefined
}

export async function hasVectorSets(binary: string): Promise<boolean> {
  const server = await startRedisServer({ binary })
  try {
    // A null for a command that the server does not know: *-1 from Redis 6 and 7, $-1 from older ones.
    return !/^\*1\r\n[*$]-1\r\n/.test(await server.ask('COMMAND INFO VSIM'))
  } finally {
    await server.stop()
  }
}
