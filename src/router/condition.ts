import type { Json } from '../core/json.ts'

/** For which requests a target is there: fields and what they must be, all of them; in the words of MongoDB and Portkey. */
export type Condition = { readonly [field: string]: Json }
