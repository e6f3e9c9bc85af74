import { RepriseError } from '../core/errors.ts'
import { azureAddress } from './azure.ts'
import { httpProvider } from './http-provider.ts'
import type { Provider } from './provider.ts'

/** The services that need no address; `compatible` is anything else that speaks OpenAI's dialect. */
export type ProviderKind =
  | 'openai'
  | 'anthropic'
  | 'azure'
  | 'ollama'
  | 'vllm'
  | 'openrouter'
  | 'groq'
  | 'mistral'
  | 'gemini'
  | 'compatible'

export interface OpenProviderOptions {
  /** Default: the provider's name where that is one of them, else `compatible`. */
  readonly kind?: ProviderKind
  /** What the provider's SDK calls its base URL. Default: the service's own; `azure` and `compatible` have none. */
  readonly url?: string
  /** The operator's own key. Default: none is sent. */
  readonly key?: string
  /** Without a `key`: send the caller's own credential, which is then seen by whoever is at the address. Default: false. */
  readonly passCredential?: boolean
  /** More headers to send with each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Of Azure: asks `/openai/deployments/...?api-version=` instead of the newer `/openai/v1`. */
  readonly apiVersion?: string
  /** Of Azure, by model: the deployment's name where it is another. */
  readonly deployments?: Readonly<Record<string, string>>
  /** How long to wait for a connection, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number
  /** How long to wait for the first byte, and between two, in milliseconds. Default: 600,000, as the providers' SDKs do. */
  readonly silenceTimeoutMs?: number
}

/** Opens a provider. @throws RepriseError `invalid-option` naming the provider, what was expected and got. */
export function openProvider(name: string, options: OpenProviderOptions): Provider {
  const { key, passCredential, headers, connectTimeoutMs, silenceTimeoutMs } = options
  const kind = options.kind ?? (isKind(name) ? name : 'compatible')
  if (!isKind(kind)) {
    const kinds = Object.keys(services).join(', ')
    throw new RepriseError('invalid-option', `${name}: kind: expected one of ${kinds}, got ${JSON.stringify(kind)}`)
  }
  if (key === '') {
    throw new RepriseError(
      'invalid-option',
      `${name}: key: expected a key, got an empty text; leave it out to send none`
    )
  }
  const { wires, credential, pricesOf, defaultHeaders } = services[kind]
  return httpProvider({
    name,
    wires,
    pricesOf: pricesOf ?? name,
    ...addressOf(name, kind, options),
    ...(key === undefined ? {} : { credential: credential(key) }),
    ...(passCredential === undefined ? {} : { passCredential }),
    ...(headers === undefined ? {} : { headers }),
    ...(defaultHeaders === undefined ? {} : { defaultHeaders }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(silenceTimeoutMs === undefined ? {} : { silenceTimeoutMs })
  })
}

interface Service {
  /** Its base URL; none where each has its own. */
  readonly url?: string
  /** The header in which it reads a key. */
  credential(key: string): Readonly<Record<string, string>>
  readonly wires: readonly string[]
  /** The id that its prices have in the price list. Default: the provider's name. */
  readonly pricesOf?: string
  readonly defaultHeaders?: Readonly<Record<string, string>>
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const chat = 'openai-chat'
const responses = 'openai-responses'
const embeddings = 'openai-embeddings'

const services: Readonly<Record<ProviderKind, Service>> = {
  openai: {
    url: 'https://api.openai.com/v1',
    credential: bearer,
    wires: [chat, responses, embeddings],
    pricesOf: 'openai'
  },
  anthropic: {
    url: 'https://api.anthropic.com',
    credential: (key) => ({ 'x-api-key': key }),
    wires: ['anthropic-messages'],
    pricesOf: 'anthropic',
    // It refuses a request that names no version, and there has been no other since.
    defaultHeaders: { 'anthropic-version': '2023-06-01' }
  },
  azure: {
    credential: (key) => ({ 'api-key': key }),
    wires: [chat, responses, embeddings],
    pricesOf: 'azure'
  },
  // Responses since 0.13.3, without its stored ones.
  ollama: {
    url: 'http://localhost:11434/v1',
    credential: bearer,
    wires: [chat, responses, embeddings],
    pricesOf: 'ollama'
  },
  vllm: { url: 'http://localhost:8000/v1', credential: bearer, wires: [chat, responses, embeddings], pricesOf: 'vllm' },
  openrouter: {
    url: 'https://openrouter.ai/api/v1',
    credential: bearer,
    wires: [chat, responses, embeddings],
    pricesOf: 'openrouter'
  },
  // It has no embeddings.
  groq: { url: 'https://api.groq.com/openai/v1', credential: bearer, wires: [chat, responses], pricesOf: 'groq' },
  mistral: { url: 'https://api.mistral.ai/v1', credential: bearer, wires: [chat, embeddings], pricesOf: 'mistral' },
  gemini: {
    url: 'https://generativelanguage.googleapis.com/v1beta/openai',
    credential: bearer,
    wires: [chat, embeddings],
    pricesOf: 'google'
  },
  compatible: { credential: bearer, wires: [chat, embeddings] }
}

function isKind(text: string): text is ProviderKind {
  return Object.hasOwn(services, text)
}

function addressOf(name: string, kind: ProviderKind, options: OpenProviderOptions): ReturnType<typeof azureAddress> {
  const { apiVersion, deployments } = options
  const url = options.url ?? services[kind].url
  if (url === undefined) {
    const example = kind === 'azure' ? 'https://NAME.openai.azure.com' : 'https://api.example.com/v1'
    throw new RepriseError('invalid-option', `${name}: url: expected an address such as ${example}, got none`)
  }
  if (kind === 'azure') return azureAddress(name, { url, apiVersion, deployments })
  if (apiVersion !== undefined || deployments !== undefined) {
    const option = apiVersion === undefined ? 'deployments' : 'apiVersion'
    throw new RepriseError('invalid-option', `${name}: ${option} is there for kind azure only, and this is ${kind}`)
  }
  // Anthropic's SDK has the /v1 in its paths and not in its base URL; who writes it all the same means the same.
  return { baseUrl: kind === 'anthropic' ? `${url.replace(/(\/v1)?\/*$/, '')}/v1` : url }
}
