import { messageOf } from '../core/errors.ts'
import type { RedisConnection } from './redis-connection.ts'
import type { StoreSize } from './store.ts'

/**
 * What a server has in its memory, and may have: all of it, whoever put it there. It does not know how many of its keys
 * are entries. Nothing where it may not be asked.
 */
export async function sizeOf(connection: RedisConnection): Promise<StoreSize> {
  let reply: unknown
  try {
    reply = await connection.send(['INFO', 'memory'])
  } catch (error) {
    const cause = error instanceof Error ? messageOf(error.cause) : ''
    if (/^NOPERM|unknown command/.test(cause)) return {}
    throw error
  }
  const said = String(reply)
  const bytes = numberIn(said, 'used_memory')
  const maxBytes = numberIn(said, 'maxmemory')
  return {
    ...(bytes === undefined ? {} : { bytes }),
    // No limit is 0.
    ...(maxBytes === undefined || maxBytes === 0 ? {} : { maxBytes })
  }
}

function numberIn(said: string, name: string): number | undefined {
  const digits = new RegExp(`^${name}:(\\d+)\\r?$`, 'm').exec(said)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
