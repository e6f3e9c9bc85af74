import type { Observe } from '../core/events.ts'
import type { FreshnessDefaults, Ttl } from '../core/freshness.ts'
import type { BatchOptions } from '../layers/batch.ts'
import type { OpenMeaningOptions } from '../layers/open.ts'
import type { SwitchSettings } from '../layers/switches.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { OpenStoreOptions } from '../stores/open.ts'
import type { Store } from '../stores/store.ts'

export interface CacheOptions extends OpenStoreOptions, OpenMeaningOptions, FreshnessDefaults {
  /** `memory:`, `embedded:FOLDER`, `redis://...`, `rediss://...`, or a store of your own. Default: `memory:`. */
  readonly store?: string | Store
  /** Keeps applications apart that share a store. Default: `default`. */
  readonly namespace?: string
  /**
   * How long an answer stays fresh, and what may become of it then: by kind and by model, where they differ. A hit never
   * extends it. Default: 24 h.
   */
  readonly ttl?: Ttl
  /**
   * Asks completions together that differ in nothing but the question, and come within the window. Default: those that
   * ask for it, within 500 ms, five at a time.
   */
  readonly batch?: BatchOptions
  /**
   * Layers (`exact`, `semantic`, `single-flight`, `batch`), kinds (`llm`, `embedding`, `retrieval`, `value`) and all of it
   * (`cache`), on or off; what is off here can be switched on here only. Default: all on.
   */
  readonly switches?: SwitchSettings
  /** The longest that one call to the store may hold a request up, in milliseconds. Default: 50. */
  readonly deadlineMs?: number
  /**
   * Keeps requests beside their answers, for a week, so that what was asked often can be asked anew when it has expired.
   * Default: false.
   */
  readonly rememberRequests?: boolean
  /**
   * Encrypts entries and their vectors with AES-256-GCM: `ID:BASE64[,ID:BASE64...]`, 32 bytes each; the first one
   * encrypts, all of them decrypt. Default: they are stored as they are.
   */
  readonly encryptionKeys?: string
  /** Who counts. Default: the cache itself. */
  readonly statistics?: Statistics
  /** Writes the counts into the store once a second, so that those of all processes can be added up. Default: false. */
  readonly shareStatistics?: boolean
  /** Whether `answered` events have the callers' words. Default: false. */
  readonly tellTexts?: boolean
  /** Told what happens. */
  readonly observe?: Observe
}
