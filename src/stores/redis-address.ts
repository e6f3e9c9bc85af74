import { RepriseError } from '../core/errors.ts'

/** What a `redis://` or `rediss://` URL says. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  readonly database: number
  readonly username?: string
  readonly password?: string
  readonly prefix?: string
}

const expected = 'redis://[USER:PASSWORD@]HOST[:PORT][/DB][?prefix=P], or rediss:// for TLS'

/**
 * Reads `redis://user:password@host:port/2?prefix=app:`.
 * @throws RepriseError `invalid-option`, which never says the password
 */
export function parseRedisUrl(text: string): RedisAddress {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // Without the cause: it carries the text, and with it perhaps a password.
    throw invalid(text, 'which is not a URL')
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw invalid(text, 'of another scheme')
  if (url.hostname === '') throw invalid(text, 'without a host')
  const database = /^\/?(\d*)$/.exec(url.pathname)?.[1]
  if (database === undefined) throw invalid(text, 'whose database is not a number')
  for (const name of url.searchParams.keys()) {
    if (name !== 'prefix') throw invalid(text, `with an unknown parameter ${JSON.stringify(name)}`)
  }
  const prefix = url.searchParams.get('prefix')
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    isTls: url.protocol === 'rediss:',
    database: Number(database),
    ...(url.username === '' ? {} : { username: decoded(text, url.username) }),
    ...(url.password === '' ? {} : { password: decoded(text, url.password) }),
    ...(prefix === null ? {} : { prefix })
  }
}

/** The URL without its credentials: for people, logs and messages. */
export function withoutPassword(text: string): string {
  // Not through URL: what cannot be read must not give its password away either, wherever in it somebody put it.
  return text.replace(/\?(?!prefix=[^&]*$).*$/s, '').replace(/^([a-z]+:\/\/)?.*@/is, '$1')
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid(text, 'whose credentials are not percent-encoded')
  }
}

function invalid(text: string, why: string): RepriseError {
  return new RepriseError(
    'invalid-option',
    `store: expected ${expected}, got ${JSON.stringify(withoutPassword(text))}, ${why}`
  )
}
