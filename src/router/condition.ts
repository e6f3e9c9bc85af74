import { isDeepStrictEqual } from 'node:util'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { notJson } from '../core/not-json.ts'
import { unexpected } from './check.ts'

/** For which requests a target is there: fields and what they must be, all of them; in the words of MongoDB and Portkey. */
export type Condition = { readonly [field: string]: Json }

/** What a condition can ask about a request. */
export interface Facts {
  /** The model that the caller named; empty where it named none. */
  readonly model: string
  readonly stream: boolean
  readonly tenant: string | undefined
  readonly tags: readonly string[]
  /** `openai` or `anthropic`. */
  readonly dialect: string
  /** The endpoint's wire: `openai-chat`. */
  readonly wire: string
  /** The request's body: `params.temperature`, and its field of that name: `metadata.team`. */
  readonly params: JsonObject
}

/**
 * Reads a condition once, to be asked many times. Its fields are `model`, `stream`, `tenant`, `tags`, `dialect`, `wire`,
 * and of the request's body `metadata.*` and `params.*` with dotted paths; a list on the way stands for its elements, and
 * a number for the one at that place. Operators mean what they mean in MongoDB: `$eq` (a bare value is short for it),
 * `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$regex` with `$options`, `$exists` and `$not` of a field; `$and`,
 * `$or`, `$nor` and `$not` of conditions. A list satisfies what one of its elements does; null equals what is absent;
 * only numbers are compared with numbers and texts with texts. Of a text, `$regex` looks at the first 1,000 characters:
 * whoever writes the condition answers for an expression that takes long over so many.
 * @throws RepriseError `invalid-option` naming `where`, what was expected and got
 */
export function compileCondition(condition: Condition, where: string): (facts: Facts) => boolean {
  const wrong = notJson(condition, where)
  if (wrong !== undefined) throw new RepriseError('invalid-option', `${wrong}; expected plain JSON`)
  return all(condition, where)
}

type Test<Subject> = (subject: Subject) => boolean
/** All that a field has to offer: its value, and the elements of a list; nothing where it is absent. */
type Values = readonly Json[]

/** The longest text that an expression is run over; longer ones are cut. */
const maxTested = 1000

const bodyFields: ReadonlySet<string> = new Set(['metadata', 'params'])
/** The facts beside the body's fields, and what they are. */
const types: Readonly<Record<string, string>> = {
  model: 'string',
  stream: 'boolean',
  tenant: 'string',
  tags: 'string',
  dialect: 'string',
  wire: 'string'
}
const knownFields = `${Object.keys(types).join(', ')}, metadata.* or params.*`

function all(condition: unknown, where: string): Test<Facts> {
  if (!isObject(condition)) throw unexpected(where, 'an object of fields and what they must be', condition)
  const tests = Object.entries(condition).map(([name, value]) => {
    const place = `${where}.${name}`
    const combined = combine(name, value, place)
    return combined ?? fieldTest(name, value, place)
  })
  return every(tests)
}

/** `$and` and its kind; undefined when it is the name of a field. */
function combine(name: string, value: Json | undefined, where: string): Test<Facts> | undefined {
  switch (name) {
    case '$and':
      return every(listOf(value, where))
    case '$or':
      return some(listOf(value, where))
    case '$nor':
      return not(some(listOf(value, where)))
    case '$not':
      return not(all(value, where))
    default:
      if (!name.startsWith('$')) return undefined
      throw unexpected(where, `$and, $or, $nor, $not or the name of a field (${knownFields})`, name)
  }
}

function listOf(value: Json | undefined, where: string): readonly Test<Facts>[] {
  if (!Array.isArray(value) || value.length === 0) throw unexpected(where, 'a list of conditions', value)
  return value.map((condition, index) => all(condition, `${where}[${index}]`))
}

function fieldTest(field: string, value: Json | undefined, where: string): Test<Facts> {
  const read = reader(field, where)
  const test = valueTest(value, types[field], where)
  return (facts) => test(read(facts))
}

function reader(field: string, where: string): (facts: Facts) => Values {
  const [first = '', ...path] = field.split('.')
  if (bodyFields.has(first) && path.length > 0 && !path.includes('')) {
    const steps = first === 'params' ? path : [first, ...path]
    return ({ params }) => spread(steps.reduce(step, [params]))
  }
  switch (field) {
    case 'tags':
      return ({ tags }) => spread([tags])
    case 'tenant':
      return ({ tenant }) => (tenant === undefined ? [] : [tenant])
    case 'model':
    case 'stream':
    case 'dialect':
    case 'wire':
      return (facts) => [facts[field]]
    default:
      throw unexpected(where, `a field among ${knownFields}`, field)
  }
}

function step(values: Values, name: string): Values {
  return values.flatMap((value): Values => {
    if (isObject(value)) return fieldOf(value, name)
    if (!Array.isArray(value)) return []
    const list: Values = value
    const here = /^\d+$/.test(name) ? list[Number(name)] : undefined
    // flatMap would open a list that is itself an element.
    return [
      ...(here === undefined ? [] : [here]),
      ...list.flatMap((each) => (isObject(each) ? fieldOf(each, name) : []))
    ]
  })
}

function fieldOf(object: JsonObject, name: string): Values {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  return value === undefined ? [] : [value]
}

function spread(values: Values): Values {
  return values.flatMap((value) => (Array.isArray(value) ? [value, ...value] : [value]))
}

function valueTest(value: Json | undefined, type: string | undefined, where: string): Test<Values> {
  if (!isObject(value)) return equals(value, type, where)
  const names = Object.keys(value)
  const operators = names.filter((name) => name.startsWith('$'))
  if (operators.length === 0) return equals(value, type, where)
  if (operators.length < names.length)
    throw unexpected(where, 'operators or a value', `both: ${names.slice(0, 5).join(', ')}`)
  return every(operators.map((name) => operator(name, value, type, `${where}.${name}`)))
}

function operator(name: string, all: JsonObject, type: string | undefined, where: string): Test<Values> {
  const operand = all[name]
  switch (name) {
    case '$eq':
      return equals(operand, type, where)
    case '$ne':
      return not(equals(operand, type, where))
    case '$in':
      return among(operand, type, where)
    case '$nin':
      return not(among(operand, type, where))
    case '$gt':
      return compare(operand, where, (difference) => difference > 0)
    case '$gte':
      return compare(operand, where, (difference) => difference >= 0)
    case '$lt':
      return compare(operand, where, (difference) => difference < 0)
    case '$lte':
      return compare(operand, where, (difference) => difference <= 0)
    case '$regex':
      return expression(operand, all['$options'], where)
    case '$options':
      if (Object.hasOwn(all, '$regex')) return () => true
      throw new RepriseError('invalid-option', `${where}: expected a $regex beside it, got none`)
    case '$exists':
      if (typeof operand !== 'boolean') throw unexpected(where, 'true or false', operand)
      return (values) => values.length > 0 === operand
    case '$not':
      if (!isObject(operand) || !Object.keys(operand).some((each) => each.startsWith('$')))
        throw unexpected(where, 'operators, such as { $gt: 1 }', operand)
      return not(valueTest(operand, type, where))
    default:
      throw unexpected(
        where,
        'an operator among $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $regex, $options, $exists and $not',
        name
      )
  }
}

function equals(expected: Json | undefined, type: string | undefined, where: string): Test<Values> {
  if (expected === undefined) throw unexpected(where, 'a value', expected)
  // What can never be equal is a mistake: `stream: 'yes'` would send every request past the target.
  if (type !== undefined && expected !== null && !Array.isArray(expected) && typeof expected !== type)
    throw unexpected(where, type === 'boolean' ? 'true or false' : 'a text', expected)
  if (expected === null) return (values) => values.length === 0 || values.includes(null)
  if (typeof expected !== 'object') return (values) => values.includes(expected)
  // Made by the same hand as a request's body: objects of other prototypes would never be equal.
  const plain: unknown = JSON.parse(JSON.stringify(expected))
  return (values) => values.some((value) => isDeepStrictEqual(value, plain))
}

function among(expected: Json | undefined, type: string | undefined, where: string): Test<Values> {
  if (!Array.isArray(expected)) throw unexpected(where, 'a list of values', expected)
  return some(expected.map((each: Json, index) => equals(each, type, `${where}[${index}]`)))
}

function compare(bound: Json | undefined, where: string, holds: (difference: number) => boolean): Test<Values> {
  if (typeof bound === 'number')
    return (values) => values.some((value) => typeof value === 'number' && holds(order(value, bound)))
  if (typeof bound === 'string')
    return (values) => values.some((value) => typeof value === 'string' && holds(order(value, bound)))
  throw unexpected(where, 'a number or a text', bound)
}

function order<Comparable extends number | string>(one: Comparable, other: Comparable): number {
  return one > other ? 1 : one < other ? -1 : 0
}

function expression(source: Json | undefined, options: Json | undefined, where: string): Test<Values> {
  if (typeof source !== 'string') throw unexpected(where, 'a regular expression as a text', source)
  if (options !== undefined && (typeof options !== 'string' || !/^[imsu]*$/.test(options)))
    throw unexpected(where.replace(/\$regex$/, '$options'), 'letters among i, m, s and u', options)
  const compiled = compileExpression(source, options, where)
  return (values) => values.some((value) => typeof value === 'string' && compiled.test(value.slice(0, maxTested)))
}

function compileExpression(source: string, options: string | undefined, where: string): RegExp {
  try {
    return new RegExp(source, options)
  } catch (error) {
    const reason = `its flags in $options (${messageOf(error)})`
    throw unexpected(where, `a regular expression of JavaScript, ${reason}`, source)
  }
}

function every<Subject>(tests: readonly Test<Subject>[]): Test<Subject> {
  return (subject) => tests.every((test) => test(subject))
}

function some<Subject>(tests: readonly Test<Subject>[]): Test<Subject> {
  return (subject) => tests.some((test) => test(subject))
}

function not<Subject>(test: Test<Subject>): Test<Subject> {
  return (subject) => !test(subject)
}
