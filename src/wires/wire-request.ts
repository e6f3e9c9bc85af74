import { RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import type { KnownKey, Subject } from '../core/kind.ts'
import { hasDuplicateMembers } from './duplicate-members.ts'
import { inexactNumbers } from './exact-numbers.ts'
import { without } from './fields.ts'
import { setField } from './set-field.ts'
import type { Wire } from './wire.ts'
import { withoutField } from './without-field.ts'

/** What was asked: a request's body and the few headers that can change its answer. The same bytes, the same content. */
export class WireContent implements Subject {
  readonly wire: Wire
  /** The body as it came, but for `cache`. */
  readonly raw: Buffer
  readonly json: JsonObject
  /** The caller wants the answer while it is made. */
  readonly stream: boolean
  /** Why it must not be cached, when its wire says so. */
  readonly bypass: string | undefined
  /** Of the path: `?beta=true`, or nothing. */
  readonly query: string
  /** The dialect's version headers. */
  readonly versions: Readonly<Record<string, string>>
  /** Numbers that parsing has made equal to others. */
  readonly numbers: readonly string[]
  /**
   * What the body asks of the cache before its provider, where callers say that in its field `cache`: no wire has
   * one. Not a part of what is asked, and not in `raw` and `json`; something else than an object is, as it came.
   */
  readonly cache: JsonObject | undefined = undefined
  knownKey: KnownKey | undefined = undefined

  /** @throws RepriseError `invalid-body`, saying what is wrong with it. */
  constructor(wire: Wire, raw: Buffer, query = '', versions: Readonly<Record<string, string>> = {}) {
    this.wire = wire
    this.query = query
    this.versions = versions
    let text = raw.toString()
    const json = parse(text, raw)
    const { cache } = json
    if (cache !== undefined && isObject(cache)) {
      this.cache = cache
      this.raw = withoutField(raw, 'cache')
      this.json = without(json, new Set(['cache']))
      text = this.raw.toString()
    } else {
      this.raw = raw
      this.json = json
    }
    this.numbers = inexactNumbers(text)
    const problem = wire.check(this.json)
    if (problem !== undefined) throw new RepriseError('invalid-body', problem.message, { field: problem.field })
    this.stream = this.json['stream'] === true
    this.bypass = hasDuplicateMembers(text, this.json) ? 'duplicate-members' : wire.bypass(this.json)
  }

  /**
   * The same request to another model: no other byte of its body is another.
   * @throws RepriseError `invalid-body` where the wire takes no such name
   */
  withModel(model: string): WireContent {
    return new WireContent(this.wire, setField(this.raw, 'model', model), this.query, this.versions)
  }
}

/** One caller's request: what was asked, and the headers it travels with. */
export interface WireRequest {
  readonly content: WireContent
  /** For the provider: the caller's credential and what else it sent, without what concerns only the connection. */
  readonly headers: Readonly<Record<string, string>>
  /** Present where it asks for the answers of several. */
  readonly together?: AskedTogether
}

export interface AskedTogether {
  /** One of them: who is asked is decided by what they are, not by what is asked in their place. */
  readonly like: WireContent
  /** How many answers are written, whatever they are needed for. */
  readonly answers: number
}

function parse(text: string, raw: Buffer): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RepriseError(
      'invalid-body',
      `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`
    )
  }
  // Bytes that are not UTF-8 all turn into the same replacement character: two requests would look alike.
  if (text.includes('\ufffd') && !Buffer.from(text).equals(raw)) {
    throw new RepriseError('invalid-body', 'the body is not valid UTF-8')
  }
  if (!isObject(value)) {
    const got = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
    throw new RepriseError('invalid-body', `the body must be a JSON object, got ${got}`)
  }
  return value
}
