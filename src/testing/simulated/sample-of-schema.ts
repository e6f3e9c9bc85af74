import { isObject, type Json, type JsonObject } from '../../core/json.ts'
import { between, oneOf, type Random } from './seeded.ts'

const names = [
  'north',
  'harbour',
  'lantern',
  'juniper',
  'cobalt',
  'meadow',
  'résumé',
  'orbit',
  'willow',
  'ember',
  'quartz'
]

/** How deep a schema that refers to itself is followed. */
const deepest = 6

/**
 * A JSON value that matches a JSON schema, roughly: types, enum, const, properties, required, items, anyOf, oneOf,
 * allOf, $ref within the schema, bounds of numbers and lists. `random` decides what is left open.
 */
export function sampleOfSchema(schema: Json | undefined, random: Random): Json {
  return sample(schema, random, isObject(schema) ? schema : {}, 0)
}

function sample(schema: Json | undefined, random: Random, root: JsonObject, depth: number): Json {
  if (!isObject(schema)) return schema === false ? null : word(random)
  if (schema['const'] !== undefined) return schema['const']
  const choices = listOf(schema['enum'])
  if (choices.length > 0) return oneOf(random, choices)
  const reference = schema['$ref']
  if (typeof reference === 'string') {
    return depth >= deepest ? null : sample(resolve(root, reference), random, root, depth + 1)
  }
  const variants = [...listOf(schema['anyOf']), ...listOf(schema['oneOf'])]
  if (variants.length > 0) {
    // Deep inside, the shortest way out is wanted: usually the null of something optional.
    const variant = depth >= deepest ? variants.at(-1) : oneOf(random, variants)
    return sample(variant, random, root, depth + 1)
  }
  const parts = listOf(schema['allOf'])
  if (parts.length > 0) return sample(merged(schema, parts), random, root, depth + 1)
  return ofType(typeOf(schema, random), schema, random, root, depth)
}

function ofType(type: string, schema: JsonObject, random: Random, root: JsonObject, depth: number): Json {
  switch (type) {
    case 'object':
      return object(schema, random, root, depth)
    case 'array':
      return array(schema, random, root, depth)
    case 'integer':
    case 'number':
      return number(schema, random, type === 'integer')
    case 'boolean':
      return random() < 0.5
    case 'null':
      return null
    default:
      return text(schema, random)
  }
}

function typeOf(schema: JsonObject, random: Random): string {
  const type = schema['type']
  if (typeof type === 'string') return type
  const types = listOf(type).filter((item) => typeof item === 'string' && item !== 'null')
  if (types.length > 0) return String(oneOf(random, types))
  return isObject(schema['properties']) ? 'object' : 'string'
}

function object(schema: JsonObject, random: Random, root: JsonObject, depth: number): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  const required = new Set(listOf(schema['required']))
  const entries: [string, Json][] = []
  for (const [field, inner] of Object.entries(properties)) {
    const wanted = required.has(field) || (depth < deepest && random() < 0.7)
    if (wanted) entries.push([field, sample(inner, random, root, depth + 1)])
  }
  return Object.fromEntries(entries)
}

function array(schema: JsonObject, random: Random, root: JsonObject, depth: number): Json[] {
  const fewest = numberOf(schema['minItems']) ?? 1
  const most = Math.max(fewest, Math.min(numberOf(schema['maxItems']) ?? 3, fewest + 2))
  const length = depth >= deepest ? fewest : between(random, fewest, most)
  return Array.from({ length }, () => sample(schema['items'], random, root, depth + 1))
}

function number(schema: JsonObject, random: Random, whole: boolean): number {
  const low = numberOf(schema['minimum']) ?? numberOf(schema['exclusiveMinimum']) ?? 1
  const high = numberOf(schema['maximum']) ?? numberOf(schema['exclusiveMaximum']) ?? low + 99
  const value = low + random() * (high - low)
  return whole ? Math.round(value) : Math.round(value * 100) / 100
}

function text(schema: JsonObject, random: Random): string {
  switch (schema['format']) {
    case 'date':
      return `2025-0${between(random, 1, 9)}-1${between(random, 0, 9)}`
    case 'date-time':
      return `2025-0${between(random, 1, 9)}-1${between(random, 0, 9)}T0${between(random, 0, 9)}:30:00Z`
    case 'email':
      return `${word(random)
        .normalize('NFD')
        .replace(/[^a-z]/g, '')}@example.com`
    case 'uri':
      return `https://example.com/${between(random, 100, 999)}`
    default:
      return `${word(random)} ${between(random, 10, 99)}`
  }
}

function word(random: Random): string {
  return oneOf(random, names)
}

function merged(schema: JsonObject, parts: readonly Json[]): JsonObject {
  const { allOf: _, ...rest } = schema
  const objects = [rest, ...parts.filter(isObject)]
  return Object.assign({}, ...objects, {
    properties: Object.assign({}, ...objects.map((part) => part['properties'] ?? {})),
    required: objects.flatMap((part) => listOf(part['required']))
  })
}

function resolve(root: JsonObject, reference: string): Json | undefined {
  let place: Json | undefined = root
  for (const step of reference.split('/').slice(1)) {
    place = isObject(place) ? place[step.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined
  }
  return place
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}
