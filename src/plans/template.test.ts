import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { placesIn, Template } from './template.ts'

/** The text with braces that stay braces. */
function escaped(text: string): string {
  return text.replaceAll('{{', '{{{{')
}

describe('placesIn', () => {
  it.each([
    ['no place', ['no place']],
    ['{{a}}', ['', 'a', '']],
    ['x {{ a-1.b }}y{{c}}', ['x ', 'a-1.b', 'y', 'c', '']],
    ['{{{{a}}', ['{{a}}']],
    ['{{{a}}}', ['{', 'a', '}']],
    ['{{{{{{a}}}}', ['{{', 'a', '}}']],
    ['{"a":{"b":1}}', ['{"a":{"b":1}}']],
    ['', ['']]
  ])('takes %j apart', (text, pieces) => {
    expect(placesIn(text)).toEqual({ pieces, wrong: [] })
  })

  it.each(['{{}}', '{{a b}}', '{{a', '{{ä}}', '{{"a": 1}}'])('says that %j is no place', (text) => {
    expect(placesIn(text).wrong).toEqual([{ at: text }])
  })

  it('reads any texts between any names back as they were', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('{', '}', 'a', ' ', '\n', '{{', 'é') }), { minLength: 1 })
    fc.assert(
      fc.property(texts, (own) => {
        const written = own.map(escaped).join('{{name}}')
        const { pieces, wrong } = placesIn(written)
        expect(wrong).toEqual([])
        expect(pieces.filter((_, index) => index % 2 === 0)).toEqual(own)
      })
    )
  })
})

describe('Template', () => {
  it('fills each place, and takes no answer for a template', () => {
    const template = new Template(placesIn('1 {{a}} 2 {{b}} 3 {{a}}').pieces)
    expect(template.filled((name) => `<{{${name}}}>`)).toBe('1 <{{a}}> 2 <{{b}}> 3 <{{a}}>')
  })
})
