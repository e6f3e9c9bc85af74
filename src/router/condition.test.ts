import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson } from '../../test/support/arbitrary-json.ts'
import type { Json } from '../core/json.ts'
import { type Condition, compileCondition, type Facts } from './condition.ts'

const facts: Facts = {
  model: 'gpt-4o',
  stream: true,
  tenant: 'acme',
  tags: ['blue', 'green'],
  dialect: 'openai',
  wire: 'openai-chat',
  params: {
    temperature: 0.2,
    user: 'u-1',
    metadata: { plan: 'pro', team: null },
    stop: ['a', 'b'],
    response_format: { type: 'json_object', strict: true },
    messages: [
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'Hello' }
    ]
  }
}

function holds(condition: Condition, of: Facts = facts): boolean {
  return compileCondition(condition, 'when')(of)
}

describe('a condition', () => {
  it.each<[Condition, boolean]>([
    [{}, true],
    [{ model: 'gpt-4o' }, true],
    [{ model: 'gpt-4' }, false],
    [{ model: 'gpt-4o', stream: false }, false],
    [{ stream: { $eq: true } }, true],
    [{ tenant: { $in: ['other', 'acme'] } }, true],
    [{ tenant: { $nin: ['other', 'acme'] } }, false],
    [{ dialect: 'anthropic' }, false],
    [{ wire: { $ne: 'openai-responses' } }, true],
    [{ tags: 'green' }, true],
    [{ tags: { $ne: 'green' } }, false],
    [{ tags: ['blue', 'green'] }, true],
    [{ tags: ['green', 'blue'] }, false],
    [{ tags: { $regex: '^gr' } }, true],
    [{ tags: { $in: ['red', 'blue'] } }, true],
    [{ 'metadata.plan': 'pro' }, true],
    [{ 'params.metadata.plan': 'pro' }, true],
    [{ 'metadata.team': { $exists: true } }, true],
    [{ 'metadata.other': { $exists: true } }, false],
    [{ 'metadata.other': null }, true],
    [{ 'metadata.team': null }, true],
    [{ 'metadata.plan': null }, false],
    [{ 'metadata.toString': { $exists: false } }, true],
    [{ 'params.temperature': { $gt: 0.1, $lte: 0.2 } }, true],
    [{ 'params.temperature': { $lt: 0.2 } }, false],
    [{ 'params.temperature': { $gte: '0' } }, false],
    [{ 'params.user': { $gt: 'u-0', $lt: 'u-2' } }, true],
    [{ 'params.stop': 'b' }, true],
    [{ 'params.stop.1': 'b' }, true],
    [{ 'params.stop.0': 'b' }, false],
    [{ 'params.response_format': { strict: true, type: 'json_object' } }, true],
    [{ 'params.response_format': { type: 'json_object' } }, false],
    [{ 'params.messages.role': 'system' }, true],
    [{ 'params.messages.1.role': 'system' }, false],
    [{ 'params.messages.content': { $regex: '^hello$', $options: 'i' } }, true],
    [{ 'params.messages.content': { $regex: '^hello$' } }, false],
    [{ 'params.temperature': { $not: { $gt: 0.5 } } }, true],
    [{ 'params.top_p': { $not: { $gt: 0.5 } } }, true],
    [{ $and: [{ stream: true }, { tenant: 'acme' }] }, true],
    [{ $or: [{ stream: false }, { tenant: 'acme' }] }, true],
    [{ $nor: [{ stream: false }, { tenant: 'acme' }] }, false],
    [{ $not: { stream: false } }, true],
    [{ $or: [{ stream: false }, { $and: [{ tags: 'blue' }, { model: { $regex: 'o$' } }] }] }, true]
  ])('%j: %j', (condition, expected) => {
    expect(holds(condition)).toBe(expected)
  })

  it('equals null where a request has no tenant', () => {
    expect(holds({ tenant: null }, { ...facts, tenant: undefined })).toBe(true)
    expect(holds({ tenant: null })).toBe(false)
  })

  it('takes an object without a prototype for what it is', () => {
    const object: Record<string, Json> = Object.assign(Object.create(null), { type: 'json_object', strict: true })
    expect(holds({ 'params.response_format': object })).toBe(true)
  })

  it('looks at the first 1,000 characters of a text', () => {
    const long = { ...facts, model: `${'a'.repeat(1000)}b` }
    expect(holds({ model: { $regex: 'b' } }, long)).toBe(false)
    expect(holds({ model: { $regex: '^a{1000}$' } }, long)).toBe(true)
  })

  it.each<[Condition, RegExp]>([
    [{ model: { $like: 'x' } }, /^routes\[0\]\.when\.model\.\$like: expected an operator among \$eq,.*got "\$like"$/],
    [{ modle: 'x' }, /^routes\[0\]\.when\.modle: expected a field among model, stream.*got "modle"$/],
    [{ metadata: { plan: 'pro' } }, /metadata: expected a field among .*metadata\.\*/],
    [{ 'params.': 1 }, /expected a field among/],
    [{ model: { $regex: '(' } }, /\.model\.\$regex: expected a regular expression.*got "\("$/],
    [{ model: { $regex: 'a', $options: 'g' } }, /\.model\.\$options: expected letters among i, m, s and u, got "g"$/],
    [{ model: { $options: 'i' } }, /\$options: expected a \$regex beside it/],
    [{ model: { $regex: 5 } }, /expected a regular expression as a text, got 5/],
    [{ model: { $in: 'gpt' } }, /\.\$in: expected a list of values, got "gpt"$/],
    [{ model: { $gt: null } }, /\.\$gt: expected a number or a text, got null$/],
    [{ model: { $exists: 'yes' } }, /\.\$exists: expected true or false, got "yes"$/],
    [{ model: { $not: 'gpt' } }, /\.\$not: expected operators, such as .*, got "gpt"$/],
    [{ model: { $eq: 'a', plain: 'b' } }, /expected operators or a value, got "both: \$eq, plain"$/],
    [{ stream: 'yes' }, /\.stream: expected true or false, got "yes"$/],
    [{ tags: { $in: ['a', 5] } }, /\.tags\.\$in\[1\]: expected a text, got 5$/],
    [{ $and: [] }, /\.\$and: expected a list of conditions, got \[\]$/],
    [{ $or: [{ stream: true }, 5] }, /\.\$or\[1\]: expected an object of fields.*got 5$/],
    [{ $where: 'true' }, /\.\$where: expected \$and, \$or, \$nor, \$not or the name of a field/]
  ])('is refused: %j', (condition, message) => {
    const compile = (): unknown => compileCondition(condition, 'routes[0].when')
    expect(compile).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    expect(compile).toThrow(message)
  })

  it('is refused when it is no JSON', () => {
    const never = new Map([['params.n', Number.NaN]])
    const condition = Object.fromEntries(never)
    expect(() => compileCondition(condition, 'when')).toThrow(/^when\.params\.n is NaN; expected plain JSON$/)
  })
})

describe('of any condition', () => {
  const field = fc.constantFrom('params.a', 'params.a.b', 'params.list', 'params.list.0', 'metadata.x', 'params.none')
  const bound = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom('', 'a', 'b'))
  const scalar = fc.oneof(bound, fc.constant(null), fc.boolean())
  const operators: fc.Arbitrary<Json> = fc.oneof(
    fc.record({ $eq: fc.oneof(scalar, anyJson) }),
    fc.record({ $ne: scalar }),
    fc.record({ $in: fc.array(scalar, { maxLength: 3 }) }),
    fc.record({ $gt: bound }),
    fc.record({ $lte: bound }),
    fc.record({ $gt: bound, $lte: bound }),
    fc.record({ $exists: fc.boolean() }),
    fc.record({ $regex: fc.constantFrom('a', '^b?$') })
  )
  const condition = fc.tuple(field, operators).map(([name, test]): Condition => ({ [name]: test }))
  const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), anyJson)
  const request = fc
    .record(
      { a: fc.oneof(value, fc.record({ b: value })), list: value, metadata: fc.record({ x: value }) },
      { requiredKeys: [] }
    )
    .map((params): Facts => ({ ...facts, params }))

  it('$not is the complement, of conditions and of fields', () => {
    fc.assert(
      fc.property(condition, request, (one, of) => {
        expect(holds({ $not: one }, of)).toBe(!holds(one, of))
        expect(holds({ $nor: [one] }, of)).toBe(!holds(one, of))
        const [name = '', test = null] = Object.entries(one)[0] ?? []
        expect(holds({ [name]: { $not: test } }, of)).toBe(!holds(one, of))
      })
    )
  })

  it('$and and $or obey De Morgan', () => {
    fc.assert(
      fc.property(condition, condition, request, (one, other, of) => {
        expect(holds({ $not: { $and: [one, other] } }, of)).toBe(holds({ $or: [{ $not: one }, { $not: other }] }, of))
        expect(holds({ $not: { $or: [one, other] } }, of)).toBe(holds({ $and: [{ $not: one }, { $not: other }] }, of))
        expect(holds({ $and: [one, other] }, of)).toBe(holds(one, of) && holds(other, of))
      })
    )
  })

  it('$ne and $nin are the complements of $eq and $in', () => {
    fc.assert(
      fc.property(field, fc.array(scalar, { maxLength: 3 }), request, (name, values, of) => {
        expect(holds({ [name]: { $nin: values } }, of)).toBe(!holds({ [name]: { $in: values } }, of))
        for (const each of values) {
          expect(holds({ [name]: { $ne: each } }, of)).toBe(!holds({ [name]: each }, of))
        }
      })
    )
  })

  it('what is absent is never greater, less or like anything', () => {
    fc.assert(
      fc.property(bound, request, (than, of) => {
        for (const operator of ['$gt', '$gte', '$lt', '$lte', '$regex'])
          expect(holds({ 'params.none': { [operator]: operator === '$regex' ? '' : than } }, of)).toBe(false)
      })
    )
  })
})
