import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { routerOptions } from '../gateway/router-options.ts'
import { createRouter } from '../router/open.ts'
import { loadSettings } from './load.ts'
import { routing } from './routing.ts'

let home: TemporaryFolder

beforeAll(() => {
  home = temporaryFolder()
})
afterAll(() => home.remove())

function file(name: string, text: string): string {
  const path = join(home.path, name)
  writeFileSync(path, text)
  return path
}

/** What a YAML file comes to. */
function routingOf(text: string, environment: Readonly<Record<string, string>> = {}) {
  return routing(loadSettings(['--config', file('reprise.yaml', text)], environment), environment)
}

const key = (settings: string, environment: Readonly<Record<string, string>> = {}): string | undefined =>
  routingOf(`providers: { a: { ${settings} } }`, environment).providers?.['a']?.key

describe('a key', () => {
  it('stands in a variable of the environment, in a file, or in the configuration itself', () => {
    expect(key('key-env: A_KEY', { A_KEY: 'sk-1' })).toBe('sk-1')
    expect(key(`key-file: ${file('key', ' sk-2\n')}`)).toBe('sk-2')
    expect(key('key: sk-3')).toBe('sk-3')
    expect(key('url: http://a')).toBeUndefined()
  })

  it.each([
    ['key-env: A_KEY', 'providers.a.key-env: expected a key in the environment variable A_KEY, got none'],
    ['key-file: HOME/none', 'providers.a.key-file: expected a key in HOME/none, which cannot be read: ENOENT'],
    ['key-file: HOME', 'providers.a.key-file: expected a key in HOME, which cannot be read: EISDIR'],
    ['key-file: HOME/empty', 'providers.a.key-file: expected a key in HOME/empty, got an empty file'],
    // Somebody's mistake for `key`.
    [
      'key-file: sk-secret',
      'providers.a.key-file: expected a key in the file that it names, which cannot be read: ENOENT'
    ],
    ['key: sk-1, key-env: A', 'providers.a: expected one of key, key-env and key-file, got several of them'],
    ['key-env: A, key-file: f', 'providers.a: expected one of key, key-env and key-file, got several of them'],
    ['key: sk-1, key-file: f', 'providers.a: expected one of key, key-env and key-file, got several of them']
  ])('cannot be had from %s', (settings, expected) => {
    file('empty', '\n')
    const text = settings.replace('HOME', home.path)
    expect(() => key(text, { A_KEY: '' })).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expected.replace('HOME', home.path) })
    )
  })

  it('of a tenant stands in the environment, and there may be several', () => {
    const text = 'tenants: { a: { key-env: [ONE, OTHER] }, b: { key-env: THIRD } }'
    const environment = { ONE: 'sk-1', OTHER: 'sk-2', THIRD: 'sk-3' }
    expect(routingOf(text, environment).tenants).toEqual({ a: ['sk-1', 'sk-2'], b: ['sk-3'] })
    expect(() => routingOf(text, { ONE: 'sk-1', THIRD: 'sk-3' })).toThrow(
      'tenants.a.key-env: expected a key in the environment variable OTHER, got none'
    )
  })
})

describe('the usual providers', () => {
  it.each([
    [
      'openai-url: http://a/v1',
      'providers: { openai: { url: http://b/v1 } }',
      'openai-url: expected either this or the url of providers.openai, got both'
    ],
    [
      'openai-key: sk-1',
      'providers: { openai: { key: sk-2 } }',
      'openai-key: expected either this or the key of providers.openai, got both'
    ],
    [
      'openai-key: sk-1',
      'providers: { openai: { key-env: B } }',
      'openai-key: expected either this or the key of providers.openai, got both'
    ],
    [
      'anthropic-url: http://a',
      'providers: { anthropic: { url: http://b } }',
      'anthropic-url: expected either this or the url of providers.anthropic, got both'
    ],
    [
      'anthropic-key: sk-1',
      'providers: { anthropic: { key-file: f } }',
      'anthropic-key: expected either this or the key of providers.anthropic, got both'
    ]
  ])('are spoken of once: %s beside %s', (one, other, expected) => {
    expect(() => routingOf(`${one}\n${other}`, { B: 'sk-3' })).toThrow(expected)
  })

  it('may be spoken of in part here and in part there', () => {
    const text = 'openai-url: http://a/v1\nproviders: { openai: { key: sk-1, timeout: 5s } }\nanthropic-key: sk-2'
    expect(routingOf(text).providers).toEqual({ openai: { key: 'sk-1', silenceTimeoutMs: 5000 } })
  })
})

describe('providers, routes and budgets', () => {
  const text = `
providers:
  azure-eu:
    kind: azure
    url: https://a.openai.azure.com
    key: sk-1
    pass-credential: false
    headers: { x-team: a }
    api-version: '2024-10-21'
    deployments: { gpt-4o: mine }
    connect-timeout: 1s
    timeout: 60s
    concurrency: 5
    prices: { m: { input: 1, output: 2, cached-input: 3, cache-write: 4, reasoning: 5, batch: 0.5 } }
routes:
  - model: [m, n]
    strategy: loadbalance
    targets:
      - azure-eu/mine
      - { provider: azure-eu, model: x, weight: 2, order: 1, timeout: 3s, when: { tenant: a } }
    retry: { attempts: 2, on-status-codes: [503], max-wait: 4s }
    fallback-on: [429]
    deadline: 2m
    breaker: { failures: 3, left-out: 2s }
    store-fallbacks: true
budgets:
  - { name: b, limit: $2.50, period: day, tenant: t, tag: 'g:*', model: m*, per: tag }
unknown-price: allow
`

  it('come out as the library has them', () => {
    expect(routingOf(text)).toEqual({
      providers: {
        'azure-eu': {
          kind: 'azure',
          url: 'https://a.openai.azure.com',
          key: 'sk-1',
          passCredential: false,
          headers: { 'x-team': 'a' },
          apiVersion: '2024-10-21',
          deployments: { 'gpt-4o': 'mine' },
          connectTimeoutMs: 1000,
          silenceTimeoutMs: 60_000,
          concurrency: 5,
          prices: { m: { input: 1, output: 2, cachedInput: 3, cacheWrite: 4, reasoning: 5, batch: 0.5 } }
        }
      },
      routes: [
        {
          model: ['m', 'n'],
          strategy: 'loadbalance',
          targets: [
            'azure-eu/mine',
            { provider: 'azure-eu', model: 'x', weight: 2, order: 1, timeoutMs: 3000, when: { tenant: 'a' } }
          ],
          retry: { attempts: 2, onStatusCodes: [503], maxWaitMs: 4000 },
          fallbackOn: [429],
          deadlineMs: 120_000,
          breaker: { failures: 3, leftOutMs: 2000 },
          storeFallbacks: true
        }
      ],
      budgets: [{ name: 'b', limitUsd: 2.5, period: 'day', tenant: 't', tag: 'g:*', model: 'm*', per: 'tag' }],
      unknownPrice: 'allow'
    })
  })

  it('are all understood by the router', async () => {
    await createRouter(routerOptions(routingOf(text))).close()
  })

  it('say nothing where nothing is said', () => {
    expect(routingOf('')).toEqual({})
  })

  it.each([
    [
      'routes: [{ model: m, targets: [azure] }]',
      'routes[0] (m).targets[0]: expected the name of a provider (there are openai, anthropic), got "azure"'
    ],
    [
      'routes: [{ model: m, targets: [openai, { provider: azure/x }] }]',
      'routes[0] (m).targets[1]: expected the name of a provider (there are openai, anthropic), got "azure/x"'
    ],
    [
      'routes: [{ model: m, targets: [{ provider: openai, when: { tennant: a } }] }]',
      /^routes\[0\] \(m\)\.targets\[0\]\.when.*tennant/
    ],
    [
      'routes: [{ model: "m*", targets: [openai] }, { model: "m*", targets: [openai] }]',
      'routes[1] (m*) can never fit, because routes[0] (m*) comes first; expected other models, or one route with the targets of both'
    ],
    ['providers: { south: {} }', 'south: url: expected an address such as https://api.example.com/v1, got none'],
    [
      'providers: { south: { url: "http://user:hush@south" } }',
      'south: expected a URL without a user, got one at south; its credential goes in `key`'
    ],
    [
      'providers: { openai: { deployments: { a: b } } }',
      'openai: deployments is there for kind azure only, and this is openai'
    ],
    ['providers: { openai: { key: "sk-1\\nsk-2" } }', /^openai: .*expected what can be sent as a header/],
    ['budgets: [{ name: a, limit: 1 }, { name: a, limit: 2 }]', /a/]
  ])('that cannot be are refused at the start: %s', (settings, expected) => {
    const open = () => createRouter(routerOptions(routingOf(settings)))
    expect(open).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    try {
      open()
    } catch (error) {
      const { message } = error as Error
      if (typeof expected === 'string') expect(message).toBe(expected)
      else expect(message).toMatch(expected)
      expect(message).not.toMatch(/sk-|hush|\n/)
    }
  })
})
