import { describe, expect, it } from 'vitest'
import { defaultMode, type Mode, modeText } from './mode.ts'

describe('the text of a mode', () => {
  it('is another one for each thing that is asked for', () => {
    const modes: readonly Mode[] = [
      defaultMode,
      { noStore: true },
      { noCache: true },
      { onlyIfCached: true },
      { exactOnly: true },
      { maxAgeMs: 1 },
      { maxStaleMs: 1 },
      { maxAgeMs: 1, maxStaleMs: 1 },
      { noCache: true, exactOnly: true }
    ]
    expect(new Set(modes.map(modeText)).size).toBe(modes.length)
  })
})
