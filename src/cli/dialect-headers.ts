import { credentialHeaders } from '../core/headers.ts'
import { UsageError } from './usage-error.ts'

/** Of which dialect a request is, and so whose key it is made with. */
export type DialectName = 'openai' | 'anthropic'

/** The keys that requests are made with. */
export type Keys = { readonly [Dialect in DialectName]: string | undefined }

/**
 * The keys that the environment holds, where the official SDKs look for them.
 * @throws UsageError for what can be no key
 */
export function keysOf(environment: NodeJS.ProcessEnv, command = 'warm'): Keys {
  const keyIn = (name: string): string | undefined => {
    const key = environment[name] || undefined
    // What no header can hold. It is not repeated.
    if (key === undefined || /^[!-~]+$/.test(key)) return key
    throw new UsageError(command, `${name}: expected visible ASCII characters only, got ${key.length} that are not`)
  }
  return { openai: keyIn('OPENAI_API_KEY'), anthropic: keyIn('ANTHROPIC_API_KEY') }
}

/** The version of Anthropic's API that is asked for when nobody names another. */
export const usualAnthropicVersion = '2023-06-01'

/**
 * The headers that a request of a dialect is made with: its key as the official SDK shows it, its version, and of
 * `more` those that are not the other dialect's.
 */
export function headersFor(
  dialect: DialectName,
  keys: Keys,
  more: Readonly<Record<string, string>> = {}
): Record<string, string> {
  const key = keys[dialect]
  const others = dialect === 'openai' ? 'anthropic-' : 'openai-'
  const own = Object.fromEntries(Object.entries(more).filter(([name]) => !name.startsWith(others)))
  if (dialect === 'openai') return { ...own, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) }
  return { 'anthropic-version': usualAnthropicVersion, ...own, ...(key === undefined ? {} : { 'x-api-key': key }) }
}

/** What has a place of its own, and where that is. */
const elsewhere: Readonly<Record<string, string>> = {
  ...Object.fromEntries(credentialHeaders.map((name) => [name, 'a key in OPENAI_API_KEY or ANTHROPIC_API_KEY'])),
  'x-reprise-admin-token': 'the admin token in REPRISE_ADMIN_TOKEN',
  'x-reprise-tags': 'tags with --tag',
  'x-reprise-ttl': 'a time to live with --ttl',
  'content-type': 'nothing',
  'content-length': 'nothing',
  'content-encoding': 'nothing',
  'transfer-encoding': 'nothing',
  connection: 'nothing',
  'keep-alive': 'nothing',
  upgrade: 'nothing',
  expect: 'nothing',
  host: 'nothing',
  'cache-control': 'nothing'
}

/** Reads `NAME: VALUE` of `--header`. @throws UsageError for what is none, and for what has a place of its own */
export function readHeaders(flags: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    flags.map((flag) => {
      const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([ -~]*)$/.exec(flag) ?? []
      const instead = elsewhere[name.toLowerCase()]
      if (instead !== undefined) throw wrong(`--header ${name}: expected ${instead}, got a header`)
      if (name === '') throw wrong(`--header: expected 'NAME: VALUE' in ASCII, got ${JSON.stringify(flag)}`)
      return [name.toLowerCase(), value.trimEnd()]
    })
  )
}

function wrong(message: string): UsageError {
  return new UsageError('warm', message)
}
