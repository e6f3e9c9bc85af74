import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { switchNames } from '../core/switch-names.ts'
import { operationSettings } from './operation-settings.ts'
import { budgets, providers, routes, tenants } from './routing-schemas.ts'
import {
  bytes,
  cosine,
  duration,
  durationRange,
  eagerShare,
  fields,
  jitterShare,
  numeric,
  onOff,
  url,
  writtenDuration,
  writtenRange
} from './schemas.ts'
import type { Setting } from './setting.ts'
import { switches } from './switches-schema.ts'

export type { Setting } from './setting.ts'

const ttlRule = z.union([
  writtenDuration,
  fields({
    ttl: writtenDuration.optional(),
    'stale-while-revalidate': writtenDuration.optional(),
    grace: writtenDuration.optional(),
    'eager-refresh': eagerShare.optional(),
    jitter: jitterShare.optional(),
    adaptive: writtenRange.optional()
  })
])

/** All settings of `reprise serve`. The table in docs/configuration.md is compared with this one by a test. */
export const settings = {
  port: {
    schema: numeric(z.number().int().min(0).max(65_535)),
    value: 'PORT',
    about: 'where to listen; 0 takes any free port',
    default: '4141'
  },
  host: {
    schema: z.string().min(1),
    value: 'HOST',
    about: 'the address to listen on; 127.0.0.1 is reached from this machine only',
    default: '127.0.0.1'
  },
  store: {
    schema: z.string().min(1),
    value: 'STORE',
    about: 'embedded:FOLDER, memory:, redis://[USER:PASSWORD@]HOST:PORT[/DB][?prefix=P], or rediss:// for TLS',
    default: "embedded: in the user's cache folder"
  },
  'store-size': {
    schema: bytes,
    value: 'SIZE',
    about: 'the most that a memory or embedded store may hold',
    default: '1gb embedded, 256mb memory'
  },
  'redis-password': {
    schema: z.string(),
    value: 'TEXT',
    about: 'the password, when it is not in the URL',
    secret: true
  },
  'redis-ca': {
    schema: z.string().min(1),
    value: 'FILE',
    about: 'the certificate authority to trust for rediss://, as PEM'
  },
  'openai-url': {
    schema: url,
    value: 'URL',
    about: "what OpenAI's SDK calls its base URL, with /v1",
    default: 'https://api.openai.com/v1'
  },
  'anthropic-url': {
    schema: url,
    value: 'URL',
    about: "what Anthropic's SDK calls its base URL, without /v1",
    default: 'https://api.anthropic.com'
  },
  'openai-key': {
    schema: z.string().min(1),
    value: 'KEY',
    about: "sent instead of each caller's own key",
    secret: true
  },
  'anthropic-key': {
    schema: z.string().min(1),
    value: 'KEY',
    about: "sent instead of each caller's own key",
    secret: true
  },
  embedder: {
    schema: z.string().min(1),
    value: 'EMBEDDER',
    about: 'answers what means the same: static:FOLDER_OR_NAME, local[:MODEL], openai:MODEL, voyage:MODEL',
    default: 'none: identical requests only'
  },
  'embedder-url': {
    schema: url,
    value: 'URL',
    about: 'where an openai: or voyage: embedder is, with /v1',
    default: "openai-url, or Voyage AI's own"
  },
  'embedder-key': {
    schema: z.string().min(1),
    value: 'KEY',
    about: "the embedder's key, when it is not openai-key",
    secret: true
  },
  'min-similarity': {
    schema: cosine,
    value: 'COSINE',
    about: 'from where on two texts may mean the same; reprise tune finds it',
    default: "the embedder's own"
  },
  guards: {
    schema: z.enum(['off', 'standard', 'strict']),
    value: 'off|standard|strict',
    about: 'what is looked at beside similarity: numbers, negations, names, ...; strict: word order too',
    default: 'standard'
  },
  vectors: {
    schema: z.enum(['local', 'redis']),
    value: 'local|redis',
    about: 'where neighbours are looked for: in this process, or in Redis 8 Vector Sets',
    default: 'local'
  },
  verifier: {
    schema: z.string().regex(/^(openai:.+|local(:.+)?)$/s, 'expected openai:MODEL or local[:MODEL]'),
    value: 'VERIFIER',
    about: 'decides after the guards: openai:MODEL asks a model, local[:MODEL] runs a cross-encoder',
    default: 'none'
  },
  'verify-below': {
    schema: cosine,
    value: 'COSINE',
    about: 'from this similarity on the verifier is not asked',
    default: 'asked for all'
  },
  batch: {
    schema: onOff,
    value: 'on|off',
    about: 'ask requests together that come at about the same time and differ in nothing but the question',
    default: 'off: those that ask for it'
  },
  'batch-window': {
    schema: duration,
    value: 'DURATION',
    about: 'how long the first of a batch waits for others',
    default: '500ms'
  },
  'batch-size': {
    schema: numeric(z.number().int().min(2).max(64)),
    value: 'COUNT',
    about: 'how many are asked together; so many go at once',
    default: '5'
  },
  namespace: {
    schema: z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 letters, digits, ., _ or -'),
    value: 'NAME',
    about: 'keeps applications apart that share a store',
    default: 'default'
  },
  tenancy: {
    schema: z.enum(['credential', 'one']),
    value: 'credential|one',
    about: 'who shares answers: callers with the same key, or everyone',
    default: 'credential'
  },
  secret: {
    schema: z.string().min(1),
    value: 'TEXT',
    about: "mixed into the tenants' HMAC; the same wherever a store is shared",
    secret: true
  },
  ttl: {
    schema: z.union([
      writtenDuration,
      fields({
        default: ttlRule.optional(),
        kinds: z.record(z.string(), ttlRule).optional(),
        models: z.record(z.string(), ttlRule).optional()
      })
    ]),
    value: 'DURATION',
    about: 'how long an answer stays fresh; in the file also by kind and by model',
    default: '24h'
  },
  grace: {
    schema: duration,
    value: 'DURATION',
    about: 'how long after that it may be served when its provider fails',
    default: '0s'
  },
  'stale-while-revalidate': {
    schema: duration,
    value: 'DURATION',
    about: 'how long after that it is served at once while it is asked anew',
    default: '0s'
  },
  'eager-refresh': {
    schema: eagerShare,
    value: 'SHARE',
    about: 'the share of its time to live after which a hit asks for it anew, such as 0.9',
    default: 'none'
  },
  jitter: {
    schema: jitterShare,
    value: 'SHARE',
    about: 'up to which share an entry lives shorter, at random, so that not all end at once',
    default: '0'
  },
  'adaptive-ttl': {
    schema: durationRange,
    value: 'MIN..MAX',
    about: 'answers that stay the same when they are asked anew live longer, others shorter, within these',
    default: 'none'
  },
  'max-temperature': {
    schema: numeric(z.number().nonnegative()),
    value: 'NUMBER',
    about: 'requests above it are neither looked up nor stored; one that names none counts as 1',
    default: 'no limit'
  },
  'last-resort': {
    schema: cosine,
    value: 'COSINE',
    about: 'when all providers fail, the most similar answer from here on is served, marked',
    default: 'none'
  },
  switches: {
    schema: switches,
    value: 'NAME=off,...',
    about: `what is switched off: ${switchNames.join(', ')}`,
    default: 'all on'
  },
  providers: {
    schema: providers,
    value: 'MAP',
    about: 'whom routes may name: kind, url, key-env, timeout, concurrency, prices, ...',
    structured: true,
    shown: ['kind', 'url', 'pass-credential', 'api-version', 'connect-timeout', 'timeout', 'concurrency', 'prices']
  },
  routes: {
    schema: routes,
    value: 'LIST',
    about: 'who is asked for a model, and who next',
    structured: true
  },
  budgets: {
    schema: budgets,
    value: 'LIST',
    about: 'what may be spent, by whom and when',
    structured: true
  },
  tenants: {
    schema: tenants,
    value: 'MAP',
    about: 'names for callers, by the keys they call with',
    structured: true,
    shown: []
  },
  'unknown-price': {
    schema: z.enum(['refuse', 'allow']),
    value: 'refuse|allow',
    about: 'what a budget does with a call whose price is not known',
    default: 'refuse'
  },
  ...operationSettings,
  deadline: {
    schema: duration,
    value: 'DURATION',
    about: 'the longest that one call to the store may hold a request up',
    default: '50ms'
  },
  'max-body': { schema: bytes, value: 'SIZE', about: 'the largest request body', default: '64mb' }
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof settings
export type Settings = { readonly [Name in SettingName]?: z.output<(typeof settings)[Name]['schema']> }

/** The environment variable of a setting: `REPRISE_OPENAI_URL`. */
export function environmentName(name: string): string {
  return `REPRISE_${name.toUpperCase().replaceAll('-', '_')}`
}

/** The folder that a user's programs keep what they can make again: `~/.cache/reprise`, or as the system has it. */
export function cacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform
): string {
  const named = environment['XDG_CACHE_HOME'] ?? (platform === 'win32' ? environment['LOCALAPPDATA'] : undefined)
  // One that is relative is none, says the specification: what is kept in it would be elsewhere from another folder.
  if (named !== undefined && isAbsolute(named)) return join(named, 'reprise')
  // An empty HOME is no home either.
  const home = homedir() || userInfo().homedir
  return platform === 'darwin' ? join(home, 'Library', 'Caches', 'reprise') : join(home, '.cache', 'reprise')
}
