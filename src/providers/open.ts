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
export function openProvider(_name: string, _options: OpenProviderOptions): Provider {
  throw new Error('being built')
}
