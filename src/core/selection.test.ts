import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RepriseError } from './errors.ts'
import { readSelection, selectionNames } from './selection.ts'

function refusal(said: Readonly<Record<string, unknown>>): {
  code: string
  field: string | undefined
  message: string
} {
  try {
    readSelection(said)
  } catch (error) {
    if (error instanceof RepriseError) return { code: error.code, field: error.field, message: error.message }
  }
  throw new Error(`it took ${JSON.stringify(said)}`)
}

const names = 'key, prefix, pattern, tag, model, kind, all'

describe('a selection', () => {
  it('is each of its names with a text, whatever is in it', () => {
    const texts = selectionNames.filter((name) => name !== 'all')
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.string({ minLength: 1, unit: 'binary' }), (name, text) => {
        expect(readSelection({ [name]: text })).toEqual({ [name]: text })
      })
    )
  })

  it('is everything only when that is said in so many words', () => {
    expect(readSelection({ all: true })).toEqual({ all: true })
    for (const all of [false, 'true', 1, null, {}]) {
      const message = `all: expected true, got ${JSON.stringify(all)}`
      expect(refusal({ all })).toEqual({ code: 'invalid-option', field: 'all', message })
    }
  })

  it('leaves out what is undefined, and whatever else there is beside it', () => {
    expect(readSelection({ tag: 'a', key: undefined, dryRun: true, url: 'http://gateway' })).toEqual({ tag: 'a' })
  })

  it.each([
    [{}, `expected one of ${names}, got none`],
    [{ text: 'a' }, `expected one of ${names}, got none`],
    [{ tag: 'a', all: true }, `expected one of ${names}, got tag and all`],
    [{ kind: 'llm', key: 'a', tag: 'b' }, `expected one of ${names}, got key and tag and kind`]
  ])('is one of them and no more: %j', (said, message) => {
    expect(refusal(said)).toEqual({ code: 'invalid-option', field: undefined, message })
  })

  it.each([
    [{ tag: '' }, 'tag', 'tag: expected a text, got ""'],
    [{ key: 7 }, 'key', 'key: expected a text, got 7'],
    [{ kind: null }, 'kind', 'kind: expected a text, got null'],
    [{ model: ['a'] }, 'model', 'model: expected a text, got ["a"]']
  ])('is a text that is not empty: %j', (said, field, message) => {
    expect(refusal(said)).toEqual({ code: 'invalid-option', field, message })
  })

  it('is not taken from a prototype that somebody sends along', () => {
    expect(refusal(JSON.parse('{"__proto__": {"all": true}}')).message).toContain('got none')
  })
})
