import { describe, expect, it } from 'vitest'
import { crossingBetween } from './crossings.ts'
import { wires } from './open.ts'

describe('crossingBetween', () => {
  it('finds a crossing for each pair of dialects that has one, and it is that pair’s', () => {
    const found = wires.flatMap((from) => wires.map((to) => crossingBetween(from, to)))
    expect(found.flatMap((crossing) => (crossing === undefined ? [] : [[crossing.from, crossing.to]]))).toEqual([
      ['openai-chat', 'anthropic-messages'],
      ['anthropic-messages', 'openai-chat']
    ])
  })
})
