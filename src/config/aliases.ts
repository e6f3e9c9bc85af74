import { RepriseError } from '../core/errors.ts'
import { environmentName, type SettingName } from './settings.ts'

/** What other names for the environment's variables say, as the settings have it. */
export interface AliasedSettings {
  readonly switches?: Readonly<Partial<Record<'cache' | 'llm' | 'retrieval', boolean>>>
  readonly store?: string
  readonly 'min-similarity'?: number
  readonly 'redis-password'?: string
}

const switchVariables = {
  cache: 'CACHE_ENABLED',
  llm: 'MGE_V2_LLM_CACHE_ENABLED',
  retrieval: 'MGE_V2_RAG_CACHE_ENABLED'
} as const

/**
 * Reads the variables that applications before this one were configured by: `CACHE_ENABLED`, `MGE_V2_LLM_CACHE_ENABLED`,
 * `MGE_V2_RAG_CACHE_ENABLED`, `CACHE_REDIS_URL`, `CACHE_REDIS_SSL`, `CACHE_REDIS_PASSWORD` and
 * `CACHE_SEMANTIC_CACHE_THRESHOLD`. One whose setting has its own variable set is not read, switches apart, which are to
 * be merged name by name; an empty one is none. The password is for the server that stands beside it: for a store that
 * anybody else names it is not read.
 * @param flags the names of the settings that flags speak of, which go before all variables
 * @throws RepriseError `invalid-option` naming the variable, what was expected and got
 */
export function fromAliases(environment: NodeJS.ProcessEnv, flags: ReadonlySet<string> = new Set()): AliasedSettings {
  const found: { -readonly [Name in keyof AliasedSettings]: AliasedSettings[Name] } = {}
  const owns = (name: SettingName): boolean => flags.has(name) || read(environment, environmentName(name)) !== undefined
  const store = owns('store') ? undefined : storeOf(environment)
  if (store !== undefined) {
    found.store = store
    const password = read(environment, 'CACHE_REDIS_PASSWORD')
    if (password !== undefined && !owns('redis-password')) found['redis-password'] = password
  }
  const similarity = owns('min-similarity') ? undefined : similarityOf(environment)
  if (similarity !== undefined) found['min-similarity'] = similarity
  // Also beside REPRISE_SWITCHES: whoever switches off by another name means it.
  const switches = switchesOf(environment)
  if (Object.keys(switches).length > 0) found.switches = switches
  return found
}

function storeOf(environment: NodeJS.ProcessEnv): string | undefined {
  const name = 'CACHE_REDIS_URL'
  const url = read(environment, name)
  const isTls = truth(environment, 'CACHE_REDIS_SSL')
  if (url === undefined) return undefined
  if (!/^rediss?:\/\//i.test(url)) {
    // Not what was got: there may be a password in it.
    throw new RepriseError('invalid-option', `${name}: expected redis://HOST:PORT/DB or rediss://, got something else`)
  }
  return isTls ? url.replace(/^redis:/i, 'rediss:') : url
}

function similarityOf(environment: NodeJS.ProcessEnv): number | undefined {
  const name = 'CACHE_SEMANTIC_CACHE_THRESHOLD'
  const text = read(environment, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (value > 0 && value <= 1) return value
  throw new RepriseError(
    'invalid-option',
    `${name}: expected a cosine above 0 and at most 1, got ${JSON.stringify(text)}`
  )
}

function switchesOf(environment: NodeJS.ProcessEnv): NonNullable<AliasedSettings['switches']> {
  return Object.fromEntries(
    Object.entries(switchVariables).flatMap(([name, variable]) => {
      const on = truth(environment, variable)
      return on === undefined ? [] : [[name, on]]
    })
  )
}

const words = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const)
])

function truth(environment: NodeJS.ProcessEnv, name: string): boolean | undefined {
  const text = read(environment, name)
  if (text === undefined) return undefined
  const value = words.get(text.trim().toLowerCase())
  if (value !== undefined) return value
  throw new RepriseError(
    'invalid-option',
    `${name}: expected one of ${[...words.keys()].join(', ')}, got ${JSON.stringify(text)}`
  )
}

/** An empty variable is how a shell or a compose file says that there is none. */
function read(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const text = environment[name]
  return text === '' ? undefined : text
}
