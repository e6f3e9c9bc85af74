import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redacted } from './redacted.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (of: Uint8Array): string => Buffer.from(of).toString()

describe('what a provider says', () => {
  it('does not show the key it was sent, with or without its scheme', () => {
    const said = bytes('{"error": {"message": "no such key: sk-secret-1, and sk-secret-1 again"}}')
    const shown = '{"error": {"message": "no such key: ***, and *** again"}}'
    expect(text(redacted(said, ['Bearer sk-secret-1']))).toBe(shown)
    expect(text(redacted(said, ['sk-secret-1']))).toBe(shown)
  })

  it('is left as it came, byte for byte, where there is no key in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (said) => {
        expect(redacted(said, ['Bearer sk-secret-1', 'key'])).toBe(said)
      })
    )
  })
})
