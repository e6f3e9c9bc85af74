import fc from 'fast-check'
import type { Json, JsonObject } from '../../src/core/json.ts'

const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcdefgh  .,\n\t"\\{}[]:') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('é', 'e\u0301', '日', '本', '\u2028', '\u0000', '😀', '👩‍👩‍👧', '🇩🇪', '\ufeff')
  },
  // Half of a surrogate pair: JSON can say it.
  { weight: 1, arbitrary: fc.constantFrom('\ud83d', '\ude00') }
)

/** Texts with all that JSON allows in them, short and long. */
export const anyText = fc.oneof(
  fc.array(character, { maxLength: 12 }).map((characters) => characters.join('')),
  fc.array(character, { minLength: 60, maxLength: 200 }).map((characters) => characters.join(''))
)

export const someText = anyText.filter((text) => text !== '')

/** Any JSON value; `__proto__` is among the names of fields. */
export const anyJson: fc.Arbitrary<Json> = jsonWith(
  fc.constantFrom('a', 'id', 'type', 'index', 'name', 'text', '__proto__')
)

/** Any JSON value that survives an assignment field by field, as the SDKs make it. */
export const plainJson: fc.Arbitrary<Json> = jsonWith(fc.constantFrom('a', 'id', 'type', 'index', 'name', 'text'))

function jsonWith(field: fc.Arbitrary<string>): fc.Arbitrary<Json> {
  return fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      fc.oneof(
        fc.constant(null),
        fc.boolean(),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
        anyText
      ),
      fc.array(tie('value'), { maxLength: 3 }),
      objectOf(field, tie('value'))
    )
  })).value
}

/** Objects with such fields. */
export function objectOf(field: fc.Arbitrary<string>, value: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> {
  return fc.array(fc.tuple(field, value), { maxLength: 3 }).map((fields) => Object.fromEntries(fields))
}

/** Fields that nobody has heard of, `__proto__` among them. */
export const anyUnknownFields = objectOf(fc.constantFrom('x_first', 'x_second', '__proto__'), anyJson)

/** Fields that nobody has heard of, with names that can be assigned. */
export const plainUnknownFields = objectOf(fc.constantFrom('x_first', 'x_second'), plainJson)
