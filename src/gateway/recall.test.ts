import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { recallBodies } from './recall.ts'

const body = (text: string): Buffer =>
  Buffer.from(JSON.stringify({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: text }] }))

describe('recalled bodies', () => {
  it('are the same object for the same bytes, and only for those', () => {
    const recall = recallBodies()
    const first = recall(openaiChat, body('a'), '', {})
    expect(recall(openaiChat, body('a'), '', {})).toBe(first)
    expect(recall(openaiChat, body('b'), '', {})).not.toBe(first)
  })

  it.each([
    ['another wire', anthropicMessages, '', {}],
    ['another query', openaiChat, '?beta=true', {}],
    ['a version header', openaiChat, '', { 'openai-beta': 'a' }]
  ])('are not mistaken for those with %s', (_, wire, query, versions) => {
    const recall = recallBodies()
    const first = recall(openaiChat, body('a'), '', {})
    const other = recall(wire, body('a'), query, versions)
    expect(other).not.toBe(first)
    expect([other.wire, other.query, other.versions]).toEqual([wire, query, versions])
  })

  it('are the same object too where something was left out of them', () => {
    const recall = recallBodies()
    const asking = Buffer.from('{"model":"m","cache":{"ttl":1},"messages":[{"role":"user"}]}')
    const first = recall(openaiChat, asking, '', {})
    expect(recall(openaiChat, Buffer.from(asking), '', {})).toBe(first)
    expect(recall(openaiChat, first.raw, '', {})).not.toBe(first)
  })

  it('are not mistaken for others with the same checksum', () => {
    // These two words have the same CRC-32, and so have equal texts around them.
    const [a, b] = ['plumless', 'buckeroo'].map((text) =>
      Buffer.from(`{"model":"${text}","messages":[{"role":"user"}]}`)
    )
    if (a === undefined || b === undefined) throw new Error('two bodies')
    const recall = recallBodies()
    expect(recall(openaiChat, a, '', {}).json['model']).toBe('plumless')
    expect(recall(openaiChat, b, '', {}).json['model']).toBe('buckeroo')
  })

  it('take no more memory than they may', () => {
    const recall = recallBodies(100_000)
    const first = recall(openaiChat, body('0'), '', {})
    for (let round = 1; round < 100; round++) recall(openaiChat, body(`${round}${'x'.repeat(1000)}`), '', {})
    expect(recall(openaiChat, body('0'), '', {})).not.toBe(first)
  })
})
