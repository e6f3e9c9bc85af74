import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { inWords } from './check.ts'
import { isList, without } from './fields.ts'
import { Unsuitable } from './unsuitable.ts'

/**
 * A JSON Schema that an answer is to follow strictly, as Anthropic takes it. Its subset is smaller than OpenAI's, and
 * anything beyond it is refused: no bounds of numbers, lengths or lists, no patterns, no recursion, and no object that
 * may have more properties than it lists.
 * @throws Unsuitable naming the first keyword that is not among them
 */
export function strictSchema(schema: JsonObject, place: string): JsonObject {
  const plain = withoutDialect(schema)
  new SchemaCheck(plain).check(plain, place)
  return plain
}

/** Without the name of the dialect of JSON Schema, which constrains nothing. */
export function withoutDialect(schema: JsonObject): JsonObject {
  return without(schema, dialect)
}

const dialect: ReadonlySet<string> = new Set(['$schema'])

const formats: ReadonlySet<Json> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid'
])

/** Deeper than any schema, and far from what the stack holds. */
const deepest = 100

/** Without one of these, a schema allows anything. */
const defining = ['type', 'enum', 'const', 'anyOf', '$ref']

class SchemaCheck {
  readonly #root: JsonObject
  /** The definitions that are being looked at, one within the other. */
  readonly #within = new Set<string>()
  readonly #seen = new Set<string>()
  #depth = 0

  constructor(root: JsonObject) {
    this.#root = root
  }

  check(schema: Json | undefined, place: string): void {
    this.#depth += 1
    if (this.#depth > deepest) throw new Unsuitable(`${place}: expected at most ${deepest} schemas within each other`)
    if (!isObject(schema)) throw new Unsuitable(`${place}: expected a schema, got ${inWords(schema)}`)
    for (const [keyword, value = null] of Object.entries(schema)) this.#keyword(keyword, value, `${place}.${keyword}`)
    if (!defining.some((keyword) => schema[keyword] !== undefined)) {
      throw new Unsuitable(`${place}: expected one of ${defining.join(', ')}`)
    }
    if (isOfType(schema, 'object') && schema['additionalProperties'] !== false) {
      throw new Unsuitable(
        `${place}.additionalProperties: expected false, got ${inWords(schema['additionalProperties'])}`
      )
    }
    this.#depth -= 1
  }

  #keyword(keyword: string, value: Json, place: string): void {
    if (keyword === 'properties' || keyword === '$defs' || keyword === 'definitions') this.#each(value, place)
    else if (keyword === 'items') this.check(value, place)
    else if (keyword === 'anyOf' && isList(value)) this.#all(value, place)
    else if (keyword === '$ref') this.#reference(value, place)
    else if (!isPlain(keyword, value)) throw new Unsuitable(`${place}: ${inWords(value)} has no counterpart`)
  }

  #all(schemas: readonly Json[], place: string): void {
    for (const [index, schema] of schemas.entries()) this.check(schema, `${place}[${index}]`)
  }

  #each(schemas: Json, place: string): void {
    if (!isObject(schemas)) throw new Unsuitable(`${place}: expected an object, got ${inWords(schemas)}`)
    for (const [name, schema] of Object.entries(schemas)) this.check(schema, `${place}.${name}`)
  }

  #reference(to: Json, place: string): void {
    const target = typeof to === 'string' && to.startsWith('#/') ? this.#at(to) : undefined
    if (typeof to !== 'string' || target === undefined || this.#within.has(to)) {
      throw new Unsuitable(`${place}: expected a definition that does not lead back to itself, got ${inWords(to)}`)
    }
    if (this.#seen.has(to)) return
    this.#within.add(to)
    this.check(target, place)
    this.#within.delete(to)
    this.#seen.add(to)
  }

  #at(pointer: string): Json | undefined {
    let found: Json | undefined = this.#root
    for (const step of pointer.slice(2).split('/')) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
      found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
    }
    return found
  }
}

function isOfType({ type }: JsonObject, name: string): boolean {
  return type === name || (isList(type) && type.includes(name))
}

const unconstrained: ReadonlySet<string> = new Set(['title', 'description', 'default', 'type', 'required'])

/** A keyword that holds no schemas, with a value that Anthropic takes. */
function isPlain(keyword: string, value: Json): boolean {
  if (keyword === 'enum') return isList(value) && value.every(isPrimitive)
  if (keyword === 'const') return isPrimitive(value)
  if (keyword === 'format') return formats.has(value)
  if (keyword === 'minItems') return value === 0 || value === 1
  return keyword === 'additionalProperties' ? value === false : unconstrained.has(keyword)
}

function isPrimitive(value: Json): boolean {
  return value === null || typeof value !== 'object'
}
