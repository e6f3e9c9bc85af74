import { createHash } from 'node:crypto'
import type { Json } from '../core/json.ts'

/** The longest identifier of a tool call that OpenAI takes. */
const longest = 40

/**
 * A tool use's identifier, as a chat takes it. One that is too long gets another, the same in the call and in its
 * result: it only says which belong together.
 */
export function callIdOf(id: string): string {
  return id.length <= longest ? id : `call_${digest(id).slice(0, longest - 'call_'.length)}`
}

/**
 * A tool call's identifier, as Anthropic takes it when the caller sends it back: letters, digits, `_` and `-`. Some
 * providers use other signs, or have none at all; these calls get one that follows from where they stand.
 */
export function toolUseIdOf(id: Json | undefined, ...where: readonly (Json | undefined)[]): string {
  if (typeof id === 'string' && /^[\w-]+$/.test(id)) return id
  return `toolu_${digest(JSON.stringify([id ?? null, ...where.map((part) => part ?? null)])).slice(0, 24)}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
