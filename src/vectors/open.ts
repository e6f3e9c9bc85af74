import { RepriseError } from '../core/errors.ts'
import type { Observe } from '../core/events.ts'
import type { RedisCommand } from '../core/redis-command.ts'
import type { StoredVectors } from '../core/stored-vectors.ts'
import type { VectorIndex } from './vector-index.ts'

export interface OpenVectorsOptions {
  /** The vectors of the store's entries, which a local index reads. Default: none, and it knows only what was added to it. */
  readonly vectors?: StoredVectors
  /** The most that a local index may take, in bytes. Default: 1 GiB. */
  readonly maxBytes?: number
  /** How long a lookup waits for a partition that is being read, in milliseconds. Default: 50. */
  readonly hydrateWithinMs?: number
  /** Partitions of more vectors than this are looked through approximately, by `usearch` where it is installed. Default: 200,000. */
  readonly accelerateAbove?: number
  /** The connection of a Redis store, and what its keys begin with. Needed for `redis`. */
  readonly redis?: { readonly command: RedisCommand; readonly prefix: string }
  readonly observe?: Observe
}

/**
 * Opens the vector index that a text names: `local`, in this process, or `redis`, Redis 8 Vector Sets.
 * @throws RepriseError `invalid-option`
 */
export async function openVectors(spec: 'local' | 'redis', options: OpenVectorsOptions = {}): Promise<VectorIndex> {
  if (spec === 'local') {
    const { localVectors } = await import('./local.ts')
    const { redis: _, ...local } = options
    return localVectors(local)
  }
  if (spec === 'redis') {
    if (options.redis === undefined)
      throw new RepriseError('invalid-option', 'vectors: `redis` needs a Redis store; use one, or `local`')
    const { redisVectors } = await import('./redis.ts')
    return redisVectors(options.redis)
  }
  throw new RepriseError('invalid-option', `vectors: expected local or redis, got ${JSON.stringify(spec)}`)
}
