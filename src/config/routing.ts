import { readFileSync } from 'node:fs'
import { RepriseError } from '../core/errors.ts'
import type { GatewayOptions } from '../gateway/gateway.ts'
import { given } from './given.ts'
import type { Settings } from './settings.ts'

type Environment = Readonly<Record<string, string | undefined>>
type Options<Name extends keyof GatewayOptions> = NonNullable<GatewayOptions[Name]>
type Provider = NonNullable<Settings['providers']>[string]
type Route = NonNullable<Settings['routes']>[number]

/** Who is asked, what may be spent, and who asks: from the settings, keys from where they are kept. */
export function routing(
  settings: Settings,
  environment: Environment
): Pick<GatewayOptions, 'providers' | 'routes' | 'budgets' | 'tenants' | 'unknownPrice'> {
  const { providers, routes, budgets, tenants, 'unknown-price': unknownPrice } = settings
  checkSaidOnce(settings)
  return {
    ...given('providers', providers && mapped(providers, (provider, name) => providerOf(name, provider, environment))),
    ...given('routes', routes?.map(routeOf)),
    ...given(
      'budgets',
      budgets?.map(({ limit, name, period, tenant, tag, model, per }) => ({
        name,
        limitUsd: limit,
        ...given('period', period),
        ...given('tenant', tenant),
        ...given('tag', tag),
        ...given('model', model),
        ...given('per', per)
      }))
    ),
    ...given(
      'tenants',
      tenants &&
        mapped(tenants, ({ 'key-env': variables }, name) =>
          [variables].flat().map((variable) => inEnvironment(variable, `tenants.${name}.key-env`, environment))
        )
    ),
    ...given('unknownPrice', unknownPrice)
  }
}

/** The two usual providers can be spoken of in two ways, and which one is meant cannot be told where they differ. */
function checkSaidOnce(settings: Settings): void {
  for (const name of ['openai', 'anthropic'] as const) {
    const own = settings.providers?.[name]
    const key = own?.key ?? own?.['key-env'] ?? own?.['key-file']
    const twice = [
      [`${name}-url`, settings[`${name}-url`], 'url', own?.url],
      [`${name}-key`, settings[`${name}-key`], 'key', key]
    ].find(([, usual, , configured]) => usual !== undefined && configured !== undefined)
    if (twice === undefined) continue
    throw new RepriseError(
      'invalid-option',
      `${twice[0]}: expected either this or the ${twice[2]} of providers.${name}, got both`
    )
  }
}

function providerOf(name: string, settings: Provider, environment: Environment): Options<'providers'>[string] {
  const { prices } = settings
  return {
    ...given('kind', settings.kind),
    ...given('url', settings.url),
    ...given('key', keyOf(name, settings, environment)),
    ...given('passCredential', settings['pass-credential']),
    ...given('headers', settings.headers),
    ...given('apiVersion', settings['api-version']),
    ...given('deployments', settings.deployments),
    ...given('connectTimeoutMs', settings['connect-timeout']),
    ...given('silenceTimeoutMs', settings.timeout),
    ...given('concurrency', settings.concurrency),
    ...given(
      'prices',
      prices &&
        mapped(
          prices,
          ({ 'cached-input': cachedInput, 'cache-write': cacheWrite, input, output, reasoning, batch }) => ({
            input,
            output,
            ...given('cachedInput', cachedInput),
            ...given('cacheWrite', cacheWrite),
            ...given('reasoning', reasoning),
            ...given('batch', batch)
          })
        )
    )
  }
}

function keyOf(name: string, settings: Provider, environment: Environment): string | undefined {
  const { key, 'key-env': variable, 'key-file': file } = settings
  if ([key, variable, file].filter((value) => value !== undefined).length > 1) {
    throw new RepriseError(
      'invalid-option',
      `providers.${name}: expected one of key, key-env and key-file, got several of them`
    )
  }
  if (variable !== undefined) return inEnvironment(variable, `providers.${name}.key-env`, environment)
  return file === undefined ? key : inFile(file, `providers.${name}.key-file`)
}

function inFile(file: string, where: string): string {
  // What has neither a folder nor an ending may well be the key itself.
  const shown = /[./\\]/.test(file) ? file : 'the file that it names'
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'it is no file'
    throw new RepriseError('invalid-option', `${where}: expected a key in ${shown}, which cannot be read: ${reason}`)
  }
  if (text !== '') return text
  throw new RepriseError('invalid-option', `${where}: expected a key in ${shown}, got an empty file`)
}

function inEnvironment(variable: string, where: string, environment: Environment): string {
  const value = environment[variable]
  if (value !== undefined && value !== '') return value
  throw new RepriseError('invalid-option', `${where}: expected a key in the environment variable ${variable}, got none`)
}

function routeOf(settings: Route): Options<'routes'>[number] {
  const { model, strategy, targets, retry, deadline, breaker } = settings
  return {
    model,
    targets: targets.map((target) => {
      if (typeof target === 'string') return target
      const { provider, timeout, ...rest } = target
      return {
        provider,
        ...given('model', rest.model),
        ...given('weight', rest.weight),
        ...given('order', rest.order),
        ...given('when', rest.when),
        ...given('timeoutMs', timeout)
      }
    }),
    ...given('strategy', strategy),
    ...given(
      'retry',
      retry && {
        ...given('attempts', retry.attempts),
        ...given('onStatusCodes', retry['on-status-codes']),
        ...given('maxWaitMs', retry['max-wait'])
      }
    ),
    ...given('fallbackOn', settings['fallback-on']),
    ...given('deadlineMs', deadline),
    ...given(
      'breaker',
      breaker && { ...given('failures', breaker.failures), ...given('leftOutMs', breaker['left-out']) }
    ),
    ...given('storeFallbacks', settings['store-fallbacks'])
  }
}

function mapped<From, To>(
  values: Readonly<Record<string, From>>,
  to: (value: From, name: string) => To
): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, to(value, name)]))
}
