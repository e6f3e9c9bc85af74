import type { JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'

/** Expects what a call will use, from what calls before it have used. */
export interface Estimator {
  /** What a request to `target` is expected to use: rather too much than too little. */
  expect(target: string, request: JsonObject): Usage
  /** Learns what it has used. */
  learn(target: string, request: JsonObject, used: Usage): void
}
