import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { RepriseError } from '../core/errors.ts'

export interface AdminGuardOptions {
  /** What callers must show. Default: none, and then only this machine may call. */
  readonly token?: string
  /** Whether the gateway listens where only this machine reaches it: see `isLoopback`. */
  readonly loopback: boolean
}

/** Lets a request pass or throws. */
export type AdminGuard = (request: Pick<IncomingMessage, 'headers'>) => void

/**
 * Says who may administrate: with a token, whoever shows it as `authorization: Bearer` or `x-reprise-admin-token`;
 * without, programs of this machine, and no page that a browser has got from elsewhere.
 * The guard throws RepriseError `unauthorized` or `forbidden`. @throws RepriseError `invalid-option` for a token that nobody
 * can show
 */
export function adminGuard({ token, loopback }: AdminGuardOptions): AdminGuard {
  if (token !== undefined) {
    const expected = digest(checkedToken(token))
    return function checkToken({ headers }) {
      const shown = shownToken(headers)
      if (shown !== undefined && timingSafeEqual(digest(shown), expected)) return
      throw new RepriseError(
        'unauthorized',
        `expected the admin token as 'authorization: Bearer TOKEN' or as x-reprise-admin-token, got ${shown === undefined ? 'none' : 'another'}`
      )
    }
  }
  if (loopback) return refuseForeignPages
  return function refuseAll() {
    throw new RepriseError(
      'forbidden',
      'the gateway listens where other machines reach it, and has no admin token: set REPRISE_ADMIN_TOKEN'
    )
  }
}

/**
 * An admin token, if it can be shown: it travels in a header.
 * @param name where it was read
 * @throws RepriseError `invalid-option`, which never repeats it
 */
export function checkedToken(token: string, name = 'admin-token'): string {
  if (/^[!-~](?:[ -~]*[!-~])?$/.test(token)) return token
  const got = token === '' ? 'none' : `${token.length} characters that are not`
  throw new RepriseError(
    'invalid-option',
    `${name}: expected at least one character, all of them of ASCII and no space or line end around them, got ${got}; \`openssl rand -hex 32\` makes one`
  )
}

/** Whether a host is this machine under an address that no other reaches: `localhost`, `127.0.0.0/8`, `::1`. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

/**
 * A page from elsewhere reaches this machine too, through its reader's browser: with an origin of its own, or, where
 * its name has been pointed at 127.0.0.1 (DNS rebinding), under a name of its own. Browsers let no page change either.
 */
function refuseForeignPages({ headers }: Pick<IncomingMessage, 'headers'>): void {
  const asked = urlOf(`http://${headers.host ?? ''}`)
  if (asked === undefined || !isLoopback(asked.hostname)) {
    throw forbidden(`expected a host header that names this machine, got ${JSON.stringify(headers.host ?? '')}`)
  }
  const { origin } = headers
  if (origin !== undefined && urlOf(origin)?.host !== asked.host) {
    throw forbidden(`expected no origin, or ${asked.host}, got ${JSON.stringify(origin)}`)
  }
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') {
    throw forbidden(`expected no page of another origin to ask, got sec-fetch-site: ${site}`)
  }
}

function forbidden(reason: string): RepriseError {
  return new RepriseError('forbidden', `${reason}; with REPRISE_ADMIN_TOKEN set the token decides instead`)
}

function shownToken(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-reprise-admin-token']
  return own === undefined ? /^bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1] : String(own)
}

/** Of one length whatever the text's, as a comparison in constant time wants them. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}
