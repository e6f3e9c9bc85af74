import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList } from './fields.ts'

/**
 * Why OpenAI's strict mode would refuse a schema that Anthropic's takes; undefined when it would not. Anthropic lets
 * properties be optional; OpenAI wants each named as required, each object closed, and an object at the root, and
 * knows fewer keywords.
 * Source: OpenAI's guide to structured outputs, "Supported schemas".
 */
export function whyNotStrict(schema: Json | undefined): string | undefined {
  if (!isObject(schema)) return 'a schema is an object'
  if (schema['type'] !== 'object' || schema['anyOf'] !== undefined)
    return 'a strict schema describes an object at its root'
  return problemOf(schema, 0)
}

/** Deeper than any provider goes, and far from what the stack holds. */
const deepest = 100

const unknownToStrict = [
  'allOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'patternProperties'
]

function problemOf(schema: Json | undefined, depth: number): string | undefined {
  if (depth > deepest) return 'it is nested too deep'
  if (!isObject(schema)) return undefined
  const keyword = unknownToStrict.find((field) => schema[field] !== undefined)
  if (keyword !== undefined) return `a strict schema may not have ${keyword}`
  const properties = isObject(schema['properties']) ? schema['properties'] : undefined
  if (properties !== undefined || describesObject(schema)) {
    if (schema['additionalProperties'] !== false) return 'a strict schema has additionalProperties false in each object'
    const required = isList(schema['required']) ? schema['required'] : []
    const optional = Object.keys(properties ?? {}).find((name) => !required.includes(name))
    if (optional !== undefined) return `a strict schema requires each property, and ${optional} is optional`
  }
  for (const inner of schemasIn(schema)) {
    const problem = problemOf(inner, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function describesObject({ type }: JsonObject): boolean {
  return type === 'object' || (isList(type) && type.includes('object'))
}

function* schemasIn(schema: JsonObject): Generator<Json | undefined> {
  for (const field of ['properties', '$defs', 'definitions']) {
    const named = schema[field]
    if (isObject(named)) yield* Object.values(named)
  }
  for (const field of ['anyOf', 'items', 'prefixItems']) {
    const inner = schema[field]
    if (isList(inner)) yield* inner
    else yield inner
  }
}
