import type { CacheOptions } from '../cache.ts'
import type { Tenants } from '../doors/tenant.ts'
import type { Telemetry } from '../metrics/telemetry.ts'
import type { RouterOptions } from '../router/router-options.ts'

export interface GatewayOptions extends CacheOptions, Partial<RouterOptions> {
  /** Default: 4141. 0 takes one that is free. */
  readonly port?: number
  /** Default: 127.0.0.1, which only this machine reaches. */
  readonly host?: string
  /** What OpenAI's SDK calls its base URL, `/v1` included. Default: https://api.openai.com/v1. */
  readonly openaiUrl?: string
  /** What Anthropic's SDK calls its base URL, without `/v1`. Default: https://api.anthropic.com. */
  readonly anthropicUrl?: string
  /** The operator's own keys; sent instead of the caller's. Default: none. */
  readonly openaiKey?: string
  readonly anthropicKey?: string
  /** `credential`: callers with different keys share nothing. `one`: all callers share. Default: `credential`. */
  readonly tenancy?: 'credential' | 'one'
  /** Callers that have a name, by the keys they call with; for budgets, conditions and lists. Default: a hash of the key. */
  readonly tenants?: Tenants
  /** Mixed into the tenants' HMAC. The same in all processes that share a store. */
  readonly secret?: string
  /**
   * A model of OpenAI's, or of whoever speaks its dialect at `openaiUrl`, that decides after the guards whether two
   * texts mean the same. Asked with the operator's own key. Default: none.
   */
  readonly verifierModel?: string
  /** Requests above it are neither looked up nor stored; one that names no temperature counts as 1. Default: no limit. */
  readonly maxTemperature?: number
  /**
   * Who may look after the gateway: invalidate, warm, switch, explain, read entries and budgets. Needed where other
   * machines reach it. Default: whoever is on this machine.
   */
  readonly adminToken?: string
  /** Where all of that is, and metrics and dashboard, apart from the callers of models. Default: at the same port. */
  readonly adminPort?: number
  /** Default: `host`. */
  readonly adminHost?: string
  /** What the metrics' names begin with. Default: `reprise_`. */
  readonly metricsPrefix?: string
  /** Tells traces and metrics by OpenTelemetry. Default: it does not. */
  readonly telemetry?: Telemetry
  /** The largest request body, in bytes. Default: 64 MB. */
  readonly maxBodyBytes?: number
}
