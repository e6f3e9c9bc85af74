import type { Json, JsonObject } from '../core/json.ts'
import type { Template } from './template.ts'

/** A masterplan: questions to a model, and which of them need others' answers. Read by `readPlan`, found to be right. */
export interface Plan {
  /** What its answers are tagged with: `masterplan:<id>`. */
  readonly id: string
  /** `shared`: its answers may come from others with the same scope, and go to them. `isolated`: to this plan alone. */
  readonly sharing: 'shared' | 'isolated'
  /** In the order of the file. */
  readonly atoms: readonly Atom[]
}

/** One question of a plan. Defaults and variables are in it already. */
export interface Atom {
  readonly id: string
  /** The atoms whose answers it needs; all of them are in the plan, and there is no circle. */
  readonly needs: readonly string[]
  /** The endpoint's path, with /v1: `/v1/chat/completions`, `/v1/messages`, `/v1/responses`. */
  readonly path: string
  /** The request's body, with templates in place of texts that need other atoms' answers. */
  readonly body: Templated
  readonly tags: readonly string[]
  /** How long its answer stays fresh, as it is written: `1h`. Default: as the cache is configured. */
  readonly ttl?: string
}

/** JSON in which texts may be templates. */
export type Templated = Json | Template | readonly Templated[] | { readonly [name: string]: Templated }

/** An atom that can be asked: nothing in it is open any more. */
export interface AtomRequest {
  readonly atom: string
  readonly path: string
  readonly body: JsonObject
  /** The plan's, the wave's and its own. */
  readonly tags: readonly string[]
  readonly ttl?: string
  /** Narrower than the caller's own, for a plan that shares with nobody else. */
  readonly scope?: string
  /** It may be asked together with others. */
  readonly batch: boolean
}

/** What an atom was told. */
export interface AtomAnswer {
  /** What the answer says: what goes into the templates of those who need it. */
  readonly text: string
  /** Who answered: `exact`, `semantic`, `provider`. */
  readonly layer: string
  /** Nobody was paid for it. */
  readonly isHit: boolean
  readonly savedUsd?: number
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number }
}
