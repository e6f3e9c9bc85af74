import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Progress } from '../embedders/progress.ts'
import type { GatewayOptions } from '../gateway/gateway.ts'
import type { ProviderOptions } from '../router/router-options.ts'
import { given } from './given.ts'
import { routing } from './routing.ts'
import { cacheFolder, type Settings } from './settings.ts'

/** The gateway's options, from the settings. `progress` is told of models that are fetched. */
export async function assemble(
  settings: Settings,
  progress?: (progress: Progress) => void,
  environment: NodeJS.ProcessEnv = process.env
): Promise<GatewayOptions> {
  const routed = routing(settings, environment)
  return {
    store: settings.store ?? `embedded:${cacheFolder()}`,
    ...given('port', settings.port),
    ...given('host', settings.host),
    ...given('maxBytes', settings['store-size']),
    ...given('password', settings['redis-password']),
    ...given('ca', settings['redis-ca'] === undefined ? undefined : readCertificate(settings['redis-ca'])),
    ...given('openaiUrl', settings['openai-url']),
    ...given('anthropicUrl', settings['anthropic-url']),
    ...given('openaiKey', settings['openai-key']),
    ...given('anthropicKey', settings['anthropic-key']),
    ...given('embedder', settings.embedder),
    embedding: embedding(settings, progress, routed.providers?.['openai']),
    ...given('minSimilarity', settings['min-similarity']),
    ...given('guards', settings.guards),
    ...given('vectors', settings.vectors),
    ...(await verifying(settings, progress)),
    ...given('verifyBelow', settings['verify-below']),
    batch: {
      ...given('on', settings.batch),
      ...given('windowMs', settings['batch-window']),
      ...given('size', settings['batch-size'])
    },
    ...given('namespace', settings.namespace),
    ...given('tenancy', settings.tenancy),
    ...given('secret', settings.secret),
    ...given('ttl', ttlOf(settings.ttl)),
    ...given('graceMs', settings.grace),
    ...given('staleWhileRevalidateMs', settings['stale-while-revalidate']),
    ...given('eagerRefresh', settings['eager-refresh']),
    ...given('jitter', settings.jitter),
    ...given('adaptiveTtl', settings['adaptive-ttl']),
    ...given('maxTemperature', settings['max-temperature']),
    ...given('lastResortSimilarity', settings['last-resort']),
    ...given('switches', settings.switches as GatewayOptions['switches']),
    ...given('adminToken', settings['admin-token']),
    ...given('adminPort', settings['admin-port']),
    ...given('adminHost', settings['admin-host']),
    ...given('encryptionKeys', settings['encryption-keys']),
    ...given('rememberRequests', settings['remember-requests']),
    ...given('metricsPrefix', settings['metrics-prefix']),
    ...given('tellTexts', settings['log-texts']),
    ...routed,
    ...given('deadlineMs', settings.deadline),
    ...given('maxBodyBytes', settings['max-body'])
  }
}

/** Where an embedder is found and what opens it, from the settings; `openai` is the provider of that name, if there is one. */
export function embedding(
  settings: Settings,
  progress?: (progress: Progress) => void,
  openai: Pick<ProviderOptions, 'kind' | 'url' | 'key'> = {}
): NonNullable<GatewayOptions['embedding']> {
  const url = settings['embedder-url']
  const key = settings['embedder-key']
  // One of another kind has its address and its key in other places.
  const usual = openai.kind === undefined || openai.kind === 'openai' ? openai : {}
  return {
    cacheFolder: modelFolder(),
    ...given('openaiUrl', url ?? settings['openai-url'] ?? usual.url),
    ...given('openaiKey', key ?? settings['openai-key'] ?? usual.key),
    ...given('voyageUrl', url),
    ...given('voyageKey', key),
    ...given('progress', progress)
  }
}

/** Where models that are fetched are kept. */
function modelFolder(): string {
  return join(cacheFolder(), '..', 'reprise-models')
}

async function verifying(
  { verifier }: Settings,
  progress: ((progress: Progress) => void) | undefined
): Promise<Pick<GatewayOptions, 'verifierModel' | 'verifier'>> {
  if (verifier === undefined) return {}
  if (verifier.startsWith('openai:')) return { verifierModel: verifier.slice('openai:'.length) }
  const { crossEncoder } = await import('../embedders/local-verifier.ts')
  const model = verifier.slice('local:'.length)
  return {
    verifier: await crossEncoder({
      cacheFolder: modelFolder(),
      ...(model === '' ? {} : { model }),
      ...given('progress', progress)
    })
  }
}

/** The rules as the library has them: what is written with hyphens in the file has none there. */
function ttlOf(ttl: Settings['ttl']): GatewayOptions['ttl'] {
  if (typeof ttl !== 'object') return ttl
  const rule = (value: TtlSetting): TtlRule => {
    if (typeof value !== 'object') return value
    return {
      ...given('ttl', value.ttl),
      ...given('staleWhileRevalidate', value['stale-while-revalidate']),
      ...given('grace', value.grace),
      ...given('eagerRefresh', value['eager-refresh']),
      ...given('jitter', value.jitter),
      ...given('adaptive', value.adaptive)
    }
  }
  const rules = (values: Readonly<Record<string, TtlSetting>>): Record<string, TtlRule> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rule(value)]))
  return {
    ...(ttl.default === undefined ? {} : { default: rule(ttl.default) }),
    ...(ttl.kinds === undefined ? {} : { kinds: rules(ttl.kinds) }),
    ...(ttl.models === undefined ? {} : { models: rules(ttl.models) })
  }
}

type TtlObject = Extract<NonNullable<Settings['ttl']>, object>
type TtlSetting = NonNullable<TtlObject['default']>
type TtlRule = NonNullable<Extract<NonNullable<GatewayOptions['ttl']>, object>['default']>

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new RepriseError('invalid-option', `cannot read the certificate authority ${file}: ${messageOf(error)}`, {
      cause: error
    })
  }
}
