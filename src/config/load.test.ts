import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { RepriseError } from '../core/errors.ts'
import { loadSettings } from './load.ts'
import type { Settings } from './settings.ts'

let home: TemporaryFolder
let count = 0

beforeAll(() => {
  home = temporaryFolder()
})
afterAll(() => home.remove())

function fileWith(text: string): string {
  count++
  const file = join(home.path, `${count}.yaml`)
  writeFileSync(file, text)
  return file
}

/** What a file says. */
function fromFile(text: string, environment: NodeJS.ProcessEnv = {}): Settings {
  return loadSettings(['--config', fileWith(text)], environment)
}

/** The one line in which settings are refused. `FILE` stands for the file. */
function refusal(load: () => unknown): string {
  try {
    load()
  } catch (error) {
    expect(error).toBeInstanceOf(RepriseError)
    expect(error).toMatchObject({ code: 'invalid-option' })
    const { message, cause } = error as RepriseError
    expect(message).not.toContain('\n')
    // Nothing of it is to be found further down either.
    if (cause instanceof Error) expect(cause.message).not.toMatch(/sk-|hush/)
    return message.replaceAll(new RegExp(`${home.path}/\\d+\\.yaml`, 'g'), 'FILE')
  }
  throw new Error('nothing was refused')
}

const refusalOf = (text: string): string => refusal(() => fromFile(text))
const refusalIn = (environment: NodeJS.ProcessEnv): string => refusal(() => loadSettings([], environment))

const routing = {
  providers: {
    openai: { 'key-env': 'OPENAI_API_KEY', timeout: 60_000, concurrency: 50 },
    'azure-eu': {
      kind: 'azure',
      url: 'https://my-resource.openai.azure.com',
      'key-file': '/run/secrets/azure',
      'api-version': '2024-10-21',
      deployments: { 'gpt-4o': 'my-gpt-4o' }
    },
    local: {
      url: 'http://10.0.0.7:8000/v1',
      'pass-credential': true,
      headers: { 'x-team': 'a' },
      'connect-timeout': 250,
      prices: { '*': { input: 0, output: 0, 'cached-input': 0.5 } }
    }
  },
  routes: [
    { model: 'gpt-4o*', deadline: 120_000, targets: ['openai', { provider: 'azure-eu', model: 'gpt-4o', order: 2 }] },
    {
      model: ['small', 'tiny-*'],
      strategy: 'loadbalance',
      targets: [{ provider: 'local', weight: 3, timeout: 1500, when: { tenant: { $in: ['a', 'b'] } } }],
      retry: { attempts: 2, 'on-status-codes': [429, 503], 'max-wait': 5000 },
      'fallback-on': [429],
      breaker: { failures: 3, 'left-out': 1000 },
      'store-fallbacks': true
    }
  ],
  budgets: [
    { name: 'everything', limit: 500, period: 'month' },
    { name: 'each', per: 'tenant', limit: 2.5, tag: 'a:*', model: 'gpt-5*', tenant: 'x' }
  ],
  tenants: { 'team-a': { 'key-env': ['TEAM_A', 'TEAM_A_OLD'] }, b: { 'key-env': 'TEAM_B' } }
}

const asYaml = `
providers:
  openai:
    key-env: OPENAI_API_KEY
    timeout: 60s
    concurrency: 50
  azure-eu:
    kind: azure
    url: https://my-resource.openai.azure.com
    key-file: /run/secrets/azure
    api-version: '2024-10-21'
    deployments: { gpt-4o: my-gpt-4o }
  local:
    url: http://10.0.0.7:8000/v1
    pass-credential: true
    headers: { x-team: a }
    connect-timeout: 250ms
    prices:
      '*': { input: 0, output: 0, cached-input: 0.5 }
routes:
  - model: gpt-4o*
    deadline: 2m
    targets: [openai, { provider: azure-eu, model: gpt-4o, order: 2 }]
  - model: [small, tiny-*]
    strategy: loadbalance
    targets:
      - { provider: local, weight: 3, timeout: 1500ms, when: { tenant: { $in: [a, b] } } }
    retry: { attempts: 2, on-status-codes: [429, 503], max-wait: 5 }
    fallback-on: [429]
    breaker: { failures: 3, left-out: 1s }
    store-fallbacks: true
budgets:
  - { name: everything, limit: 500, period: month }
  - { name: each, per: tenant, limit: $2.50, tag: 'a:*', model: gpt-5*, tenant: x }
tenants:
  team-a: { key-env: [TEAM_A, TEAM_A_OLD] }
  b: { key-env: TEAM_B }
`

describe('lists and maps', () => {
  it('are read from a file', () => {
    expect(fromFile(asYaml)).toEqual(routing)
  })

  it('are read as JSON from the environment', () => {
    const environment = {
      REPRISE_PROVIDERS: JSON.stringify({
        ...routing.providers,
        openai: { ...routing.providers.openai, timeout: '60s' },
        local: { ...routing.providers.local, 'connect-timeout': '250ms' }
      }),
      REPRISE_ROUTES: JSON.stringify([{ model: 'm', targets: ['openai/x'], deadline: 120 }]),
      REPRISE_BUDGETS: JSON.stringify(routing.budgets),
      REPRISE_TENANTS: JSON.stringify(routing.tenants)
    }
    expect(loadSettings([], environment)).toEqual({
      ...routing,
      routes: [{ model: 'm', targets: ['openai/x'], deadline: 120_000 }]
    })
  })

  it('of the environment go before those of the file, whole', () => {
    const settings = fromFile(asYaml, { REPRISE_PROVIDERS: '{"claude":{"kind":"anthropic"}}' })
    expect(settings.providers).toEqual({ claude: { kind: 'anthropic' } })
    expect(settings.routes).toEqual(routing.routes)
  })

  it.each(['providers', 'routes', 'budgets', 'tenants'])('are no flags: %s says where it goes', (name) => {
    for (const flags of [[`--${name}`, '{"openai":{"key":"sk-1"}}'], [`--${name}={"openai":{"key":"sk-1"}}`]]) {
      expect(refusal(() => loadSettings(flags, {}))).toBe(
        `--${name} is not a flag, because it is a structure; write it into the file that --config names, or as JSON into REPRISE_${name.toUpperCase()} (reprise serve --help lists all flags)`
      )
    }
  })

  it.each(['openai-key', 'anthropic-key', 'admin-token', 'secret', 'redis-password', 'embedder-key'])(
    'secrets are none either: %s',
    (name) => {
      expect(refusal(() => loadSettings([`--${name}`, 'sk-1'], {}))).toBe(
        `--${name} is not a flag, because others on this machine could read it; set REPRISE_${name.toUpperCase().replace('-', '_')} (reprise serve --help lists all flags)`
      )
    }
  )
})

describe('what says nothing', () => {
  it('is an empty variable, and a name in the file with nothing behind it', () => {
    expect(loadSettings([], { REPRISE_PROVIDERS: '', REPRISE_PORT: '', REPRISE_CONFIG: '' })).toEqual({})
    expect(fromFile('port:\nproviders:\n  # openai: {}\nmax-temperature: ~\n')).toEqual({})
    expect(fromFile('port:\n', { REPRISE_PORT: '5' })).toEqual({ port: 5 })
    expect(fromFile('# nothing at all\n')).toEqual({})
  })
})

describe('freshness', () => {
  it('is read with rules by kind and by model', () => {
    const ttl = {
      default: '24h',
      kinds: { retrieval: { ttl: '30m', 'stale-while-revalidate': '2h', grace: 5, jitter: 0, 'eager-refresh': 1 } },
      models: { 'gpt-4o*': { adaptive: { min: '10m', max: '7d' } }, 'o*': { adaptive: { min: 60, max: '1h' } } }
    }
    const text = `
ttl:
  default: 24h
  kinds:
    retrieval: { ttl: 30m, stale-while-revalidate: 2h, grace: 5, jitter: 0, eager-refresh: 1 }
  models:
    gpt-4o*: { adaptive: 10m..7d }
    o*: { adaptive: { min: 60, max: 1h } }
stale-while-revalidate: 1h
grace: 7d
eager-refresh: 0.9
jitter: 0
adaptive-ttl: 10m..7d
`
    const settings = {
      ttl,
      'stale-while-revalidate': 3_600_000,
      grace: 604_800_000,
      'eager-refresh': 0.9,
      jitter: 0,
      'adaptive-ttl': { minMs: 600_000, maxMs: 604_800_000 }
    }
    expect(fromFile(text)).toEqual(settings)
    const flags = ['--stale-while-revalidate=1h', '--grace=7d', '--eager-refresh=0.9', '--jitter=0']
    expect(loadSettings([...flags, '--adaptive-ttl', '10m..7d', '--ttl', '90'], {})).toEqual({ ...settings, ttl: '90' })
  })

  it.each([
    ['ttl: soon', 'ttl in FILE: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got "soon"'],
    [
      'ttl: { kinds: { llm: { tll: 5 } } }',
      'ttl.kinds.llm in FILE: expected fields among ttl, stale-while-revalidate, grace, eager-refresh, jitter, adaptive, got "tll"'
    ],
    [
      'ttl: { models: { m: { ttl: soon } } }',
      'ttl.models.m.ttl in FILE: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got "soon"'
    ],
    ['ttl: { model: 5 }', 'ttl in FILE: expected fields among default, kinds, models, got "model"'],
    ['ttl: [5]', 'ttl in FILE: expected a text or a number or a map, got a list'],
    ['grace: -5', 'grace in FILE: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got -5'],
    ['jitter: 1', 'jitter in FILE: expected a number below 1, got 1'],
    ['eager-refresh: 0', 'eager-refresh in FILE: expected a number above 0, got 0'],
    [
      'adaptive-ttl: 7d..10m',
      'adaptive-ttl in FILE: expected two durations, the shorter one first, such as 10m..7d, got "7d..10m"'
    ],
    [
      'adaptive-ttl: 1m..2m..3m',
      'adaptive-ttl in FILE: expected two durations, the shorter one first, such as 10m..7d, got "1m..2m..3m"'
    ],
    [
      'adaptive-ttl: 10m',
      'adaptive-ttl in FILE: expected two durations, the shorter one first, such as 10m..7d, got "10m"'
    ]
  ])('refuses %s', (text, expected) => {
    expect(refusalOf(text)).toBe(expected)
  })
})

describe('precedence', () => {
  const aliases = { CACHE_REDIS_URL: 'redis://alias', CACHE_SEMANTIC_CACHE_THRESHOLD: '0.7' }
  const own = { REPRISE_STORE: 'redis://own', REPRISE_MIN_SIMILARITY: '0.8' }
  const file = 'store: redis://file\nmin-similarity: 0.6\n'

  it('is: flags, our own variables, those by other names, the file', () => {
    const of = ({ store, 'min-similarity': similarity }: Settings) => [store, similarity]
    const flags = ['--store', 'redis://flag', '--min-similarity', '0.9', '--config', fileWith(file)]
    expect(of(loadSettings(flags, { ...own, ...aliases }))).toEqual(['redis://flag', 0.9])
    expect(of(fromFile(file, { ...own, ...aliases }))).toEqual(['redis://own', 0.8])
    expect(of(fromFile(file, aliases))).toEqual(['redis://alias', 0.7])
    expect(of(fromFile(file))).toEqual(['redis://file', 0.6])
  })

  it('is the same of the file itself', () => {
    const [one, other] = [fileWith('port: 1'), fileWith('port: 2')]
    expect(loadSettings(['--config', one], { REPRISE_CONFIG: other }).port).toBe(1)
    expect(loadSettings([], { REPRISE_CONFIG: other }).port).toBe(2)
  })

  it('leaves a password by another name to the server beside which it stands', () => {
    const password = { CACHE_REDIS_PASSWORD: 'hush' }
    const withUrl = { ...password, CACHE_REDIS_URL: 'redis://alias' }
    expect(loadSettings([], withUrl)).toEqual({ store: 'redis://alias', 'redis-password': 'hush' })
    expect(loadSettings(['--store', 'redis://flag'], withUrl)).toEqual({ store: 'redis://flag' })
    expect(loadSettings([], { ...withUrl, REPRISE_STORE: 'redis://own' })).toEqual({ store: 'redis://own' })
    expect(fromFile('store: redis://file', password)).toEqual({ store: 'redis://file' })
    expect(loadSettings([], password)).toEqual({})
    // A variable that is not used is not looked at either.
    expect(loadSettings(['--store', 'memory:'], { CACHE_REDIS_URL: 'nonsense' })).toEqual({ store: 'memory:' })
  })

  it('leaves our own password to whatever store there is', () => {
    const password = { REPRISE_REDIS_PASSWORD: 'hush' }
    expect(fromFile('store: redis://file', password)).toEqual({ store: 'redis://file', 'redis-password': 'hush' })
    expect(loadSettings(['--store', 'redis://flag'], password)).toMatchObject({ 'redis-password': 'hush' })
  })
})

describe('switches', () => {
  it.each([
    ['switches: {semantic: off, llm: on}', { semantic: false, llm: true }],
    ['switches: {semantic: false, llm: true}', { semantic: false, llm: true }],
    ['switches: {"semantic": "off"}', { semantic: false }],
    ['%YAML 1.1\n---\nswitches: {semantic: off, llm: on}', { semantic: false, llm: true }],
    ['switches: semantic=off,llm=on', { semantic: false, llm: true }],
    ['switches: single-flight = off', { 'single-flight': false }]
  ])('are read from %j', (text, switches) => {
    expect(fromFile(text)).toEqual({ switches })
  })

  it('are merged name by name, flags before the environment before the file', () => {
    const file = fileWith('switches: {semantic: off, exact: off, llm: off}')
    const environment = { REPRISE_SWITCHES: 'exact=on,llm=on' }
    const flags = ['--switches', 'llm=off', '--config', file]
    expect(loadSettings(flags, environment).switches).toEqual({ semantic: false, exact: true, llm: false })
  })

  it('are off when any other name says so, whatever else says on, and never on for it where ours says off', () => {
    const off = { MGE_V2_LLM_CACHE_ENABLED: 'false', CACHE_ENABLED: 'true' }
    expect(loadSettings(['--switches', 'llm=on,semantic=off'], off).switches).toEqual({
      llm: false,
      semantic: false,
      cache: true
    })
    expect(loadSettings([], { ...off, REPRISE_SWITCHES: 'llm=on' }).switches).toEqual({ llm: false, cache: true })
    expect(fromFile('switches: {llm: on, cache: off}', off).switches).toEqual({ llm: false, cache: false })
  })

  it.each([
    [
      'switches: {semantc: off}',
      'switches in FILE: expected fields among cache, llm, embedding, retrieval, value, exact, semantic, single-flight, batch, got "semantc"'
    ],
    ['switches: {semantic: maybe}', 'switches.semantic in FILE: expected on or off, got "maybe"'],
    ['switches: {semantic: 0}', 'switches.semantic in FILE: expected on or off, got 0'],
    [
      'switches: semantic',
      'switches in FILE: expected NAME=on or NAME=off, NAME being cache, llm, embedding, retrieval, value, exact, semantic, single-flight, batch, got "semantic"'
    ],
    ['switches: [semantic]', 'switches in FILE: expected a map or a text, got a list']
  ])('refuse %s', (text, expected) => {
    expect(refusalOf(text)).toBe(expected)
  })

  it('are refused wherever they are wrong', () => {
    const file = fileWith('switches: {semantic: maybe}')
    expect(refusal(() => loadSettings(['--switches', 'llm=off', '--config', file], {}))).toContain(
      'switches.semantic in'
    )
    expect(refusalIn({ REPRISE_SWITCHES: 'llm' })).toMatch(/^REPRISE_SWITCHES: expected NAME=on or NAME=off/)
  })
})

describe('a mistake', () => {
  const providerFields =
    'kind, url, key, key-env, key-file, pass-credential, headers, api-version, deployments, connect-timeout, timeout, concurrency, prices'

  it.each([
    ['port: many', 'port in FILE: expected a number, got "many"'],
    ['port: true', 'port in FILE: expected a number, got true'],
    ['port: 70000', 'port in FILE: expected a number of at most 65535, got 70000'],
    ['port: 1.5', 'port in FILE: expected a whole number, got 1.5'],
    ['port: []', 'port in FILE: expected a number, got an empty list'],
    ['host: 5', 'host in FILE: expected a text, got 5'],
    ["host: ''", 'host in FILE: expected a text that is not empty, got ""'],
    ['guards: loose', 'guards in FILE: expected one of off, standard, strict, got "loose"'],
    ['min-similarity: 0', 'min-similarity in FILE: expected a number above 0, got 0'],
    ['max-temperature: hot', 'max-temperature in FILE: expected a number, got "hot"'],
    [
      'openai-url: api.openai.com',
      'openai-url in FILE: expected a URL that begins with http:// or https://, got "api.openai.com"'
    ],
    ['max-body: big', 'max-body in FILE: expected a size such as 512kb, 64mb or 2gb, or a number of bytes, got "big"'],
    ['prot: 1', 'FILE: unknown setting "prot"; known are port, host'],
    ['providers: [openai]', 'providers in FILE: expected a map, got a list'],
    [
      'providers: { "my openai": {} }',
      'providers in FILE: expected a name of letters, digits, ., _ or -, got "my openai"'
    ],
    [
      'providers: { openai: { kye-env: A } }',
      `providers.openai in FILE: expected fields among ${providerFields}, got "kye-env"`
    ],
    [
      'providers: { openai: { kind: opena1 } }',
      'providers.openai.kind in FILE: expected one of openai, anthropic, azure, ollama, vllm, openrouter, groq, mistral, gemini, compatible, got "opena1"'
    ],
    [
      'providers: { openai: { timeout: soon } }',
      'providers.openai.timeout in FILE: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got "soon"'
    ],
    [
      'providers: { openai: { concurrency: 0 } }',
      'providers.openai.concurrency in FILE: expected a number above 0, got 0'
    ],
    [
      'providers: { openai: { prices: { m: { input: 1 } } } }',
      'providers.openai.prices.m.output in FILE: expected a number, got nothing'
    ],
    [
      'providers: { openai: { prices: { m: { input: 1, output: free } } } }',
      'providers.openai.prices.m.output in FILE: expected a number, got "free"'
    ],
    ['routes: { model: m }', 'routes in FILE: expected a list, got a map'],
    [
      'routes: [{ model: m, targets: [] }]',
      'routes[0].targets in FILE: expected a list of at least 1, got an empty list'
    ],
    [
      'routes: [{ model: m, targets: [openai], retries: 2 }]',
      'routes[0] in FILE: expected fields among model, strategy, targets, retry, fallback-on, deadline, breaker, store-fallbacks, got "retries"'
    ],
    [
      'routes: [{ model: m, targets: [openai, { provider: a, wieght: 1 }] }]',
      'routes[0].targets[1] in FILE: expected fields among provider, model, weight, order, when, timeout, got "wieght"'
    ],
    [
      'routes: [{ model: m, targets: [{ provider: a, weight: -1 }] }]',
      'routes[0].targets[0].weight in FILE: expected a number of at least 0, got -1'
    ],
    ['routes: [{ model: m, targets: [5] }]', 'routes[0].targets[0] in FILE: expected a text or a map, got 5'],
    [
      'routes: [{ model: m, targets: [{ provider: a, when: never }] }]',
      'routes[0].targets[0].when in FILE: expected a condition, such as { tenant: team-a }, got "never"'
    ],
    ['routes: [{ model: 4, targets: [a] }]', 'routes[0].model in FILE: expected a text or a list, got 4'],
    [
      'routes: [{ model: m, targets: [a], fallback-on: [200] }]',
      'routes[0].fallback-on[0] in FILE: expected a number of at least 400, got 200'
    ],
    ['budgets: [{ name: a }]', 'budgets[0].limit in FILE: expected a number or a text, got nothing'],
    [
      'budgets: [{ name: a, limit: lots }]',
      'budgets[0].limit in FILE: expected US dollars, such as 25 or $2.50, got "lots"'
    ],
    ['budgets: [{ name: a, limit: -1 }]', 'budgets[0].limit in FILE: expected a number of at least 0, got -1'],
    [
      'budgets: [{ name: a, limit: 5, period: week }]',
      'budgets[0].period in FILE: expected one of total, day, month, got "week"'
    ],
    ['tenants: { a: { keys: B } }', 'tenants.a in FILE: expected fields among key-env, got "keys"'],
    ['- port: 1', "FILE: expected settings as 'name: value', got something else"],
    ['port', "FILE: expected settings as 'name: value', got something else"]
  ])('in %s is said with its place, what was expected and got', (text, expected) => {
    const message = refusalOf(text)
    expect(expected.startsWith('FILE: unknown') ? message.slice(0, expected.length) : message).toBe(expected)
  })

  it('in the environment is said by the variable, and where in it', () => {
    expect(refusalIn({ REPRISE_PORT: 'x' })).toBe('REPRISE_PORT: expected a number, got "x"')
    expect(refusalIn({ REPRISE_ROUTES: '[{"model":"m","targets":[5]}]' })).toBe(
      'REPRISE_ROUTES (routes[0].targets[0]): expected a text or a map, got 5'
    )
    expect(refusalIn({ REPRISE_BUDGETS: 'everything=5' })).toBe('REPRISE_BUDGETS: expected JSON, got something else')
    expect(refusalIn({ REPRISE_ROUTES: '{}' })).toBe('REPRISE_ROUTES: expected a list, got a map')
  })

  it('in a flag is said by the flag', () => {
    expect(refusal(() => loadSettings(['--min-similarity', '2'], {}))).toBe(
      '--min-similarity: expected a number of at most 1, got "2"'
    )
  })

  it('in what is no YAML is said with its line', () => {
    expect(refusalOf('port: 1\nhost: [a\n')).toMatch(/^FILE: line 3, column 1: /)
    expect(refusalOf('port: 1\nport: 2\n')).toBe('FILE: line 2, column 1: Map keys must be unique')
  })

  it('in the name of the file is said with it', () => {
    expect(refusal(() => loadSettings(['--config', '/no/such/file'], {}))).toMatch(
      /^cannot read the configuration \/no\/such\/file: ENOENT/
    )
  })
})

describe('a secret never appears in an error', () => {
  it.each([
    'openai-key: [sk-secret-1]',
    'openai-key: { sk-secret-1: 2 }',
    'admin-token: ["hush"]',
    'redis-password: [hush]',
    'secret: ["hush"]',
    'store: ["redis://user:hush@host"]',
    'openai-url: "htp://user:hush@host/v1"',
    'embedder-url: "user:hush@host"',
    'providers: sk-secret-1',
    'providers: [sk-secret-1]',
    'providers: { openai: sk-secret-1 }',
    'providers: { openai: [sk-secret-1] }',
    'providers: { openai: { key: [sk-secret-1] } }',
    'providers: { openai: { key: { of: sk-secret-1 } } }',
    'providers: { openai: { key: sk-secret-1, timeout: soon } }',
    'providers: { openai: { key: sk-secret-1, kye: sk-secret-2 } }',
    'providers: { openai: { key-env: sk-secret-1 } }',
    'providers: { openai: { key-file: [sk-secret-1] } }',
    'providers: { openai: { headers: sk-secret-1 } }',
    'providers: { openai: { headers: { authorization: [sk-secret-1] } } }',
    'providers: { openai: { url: "htp://user:hush@host" } }',
    'providers: { openai: { key: sk-secret-1 }, azure: { knid: azure } }',
    'tenants: { team-a: sk-secret-1 }',
    'tenants: { team-a: [sk-secret-1] }',
    'tenants: { team-a: { key-env: sk-secret-1 } }',
    'tenants: { team-a: { key-env: [TEAM_A, sk-secret-1] } }',
    'tenants: sk-secret-1',
    'sk-secret-1',
    '- sk-secret-1',
    // No YAML at all, in ways whose usual errors quote what they are about.
    'openai-key: sk-secret-1: x',
    'openai-key: sk-secret-1\nopenai-key: sk-secret-2',
    'openai-key: "sk-secret-1',
    'openai-key: *sk-secret-1',
    'openai-key: [sk-secret-1',
    'openai-key: sk-secret-1\n  host: a',
    'openai-key: sk-secret-1\n] sk-secret-2',
    'openai-key: >sk-secret-1\n a',
    'openai-key: @sk-secret-1',
    'openai-key: "\\sk-secret-1"',
    'providers: { openai: { key: sk-secret-1 }'
  ])('%s', (text) => {
    expect(refusalOf(text)).not.toMatch(/secret-|hush/)
  })

  it.each([
    { REPRISE_PROVIDERS: 'sk-secret-1' },
    { REPRISE_PROVIDERS: '"sk-secret-1"' },
    { REPRISE_PROVIDERS: '{"openai":{"key":"sk-secret-1"}' },
    { REPRISE_PROVIDERS: '{openai:{key:"sk-secret-1"}}' },
    { REPRISE_PROVIDERS: '{"openai":{"key":"sk-secret-1","timeout":"soon"}}' },
    { REPRISE_PROVIDERS: '{"openai":{"key":["sk-secret-1"]}}' },
    { REPRISE_PROVIDERS: '["sk-secret-1"]' },
    { REPRISE_TENANTS: '{"a":"sk-secret-1"}' },
    { REPRISE_OPENAI_URL: 'htp://user:hush@host' }
  ])('%j', (environment) => {
    expect(refusalIn(environment)).not.toMatch(/secret-|hush/)
  })
})
