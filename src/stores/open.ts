import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { RepriseError } from '../core/errors.ts'
import { withoutPassword } from './redis-address.ts'
import type { RedisTls } from './redis-connection.ts'
import type { Store } from './store.ts'

export interface OpenStoreOptions {
  /** The most that a memory or embedded store may hold. Default: 256 MB in memory, 1 GiB embedded. */
  readonly maxBytes?: number
  /** What a Redis store's keys begin with. Default: the URL's, or `reprise:`. */
  readonly prefix?: string
  /** The Redis user. Default: the URL's. */
  readonly username?: string
  /** The Redis password. Default: the URL's. */
  readonly password?: string
  /** The certificate authority to trust for `rediss://`, as PEM. */
  readonly ca?: string | Uint8Array
  /** What else there is to say about TLS. */
  readonly tls?: RedisTls
}

const expected = 'memory:, embedded:FOLDER, redis://[USER:PASSWORD@]HOST[:PORT][/DB][?prefix=P], or rediss:// for TLS'

/**
 * Opens the store that a text names: `memory:`, `embedded:./cache`, `redis://localhost:6379/2?prefix=app:`, `rediss://...`.
 * A folder is relative to the working directory; `~` is the user's home. Options win over the URL.
 * @throws RepriseError `invalid-option`, `missing-dependency`; never names a password
 */
export async function openStore(spec: string, options: OpenStoreOptions = {}): Promise<Store> {
  const { maxBytes } = options
  const bound = maxBytes === undefined ? {} : { maxBytes }
  if (spec === 'memory:' || spec === 'memory') {
    const { memoryStore } = await import('./memory.ts')
    return memoryStore(bound)
  }
  const folder = folderOf(spec)
  if (folder !== undefined) {
    const { embeddedStore } = await import('./embedded.ts')
    return embeddedStore({ folder, ...bound })
  }
  if (isRedis(spec)) {
    const { redisStore } = await import('./redis.ts')
    const { prefix, username, password, ca } = options
    const tls = ca === undefined ? options.tls : { ...options.tls, ca }
    return redisStore({
      url: spec,
      ...(prefix === undefined ? {} : { prefix }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls })
    })
  }
  throw new RepriseError('invalid-option', `store: expected ${expected}, got ${JSON.stringify(withoutPassword(spec))}`)
}

/** Says for people where a store is, and never its password: `memory`, `/var/cache/reprise`, `redis://localhost:6379/2`. */
export function describeStore(spec: string): string {
  if (spec === 'memory:' || spec === 'memory') return 'memory'
  return folderOf(spec) ?? withoutPassword(spec)
}

function isRedis(spec: string): boolean {
  return /^rediss?:/i.test(spec)
}

function folderOf(spec: string): string | undefined {
  const folder = /^embedded:(.+)$/s.exec(spec)?.[1]
  if (folder === undefined) return undefined
  return resolve(folder.replace(/^~(?=$|[/\\])/, () => join(homedir())))
}
