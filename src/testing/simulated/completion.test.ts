import { describe, expect, it } from 'vitest'
import { complete } from './completion.ts'
import type { Wishes } from './endpoint.ts'
import { countTokens } from './tokens.ts'

const wishes: Wishes = {
  lastUserText: '',
  tools: [{ name: 'grep', schema: undefined }],
  toolChoice: 'auto',
  parallelTools: true,
  answersTool: false,
  format: 'text',
  reasoning: false,
  stops: [],
  choices: 1
}
const text = 'one two three four five six'

describe('complete', () => {
  it('leaves alone what is within the limits, and counts it', () => {
    const completion = complete({ text, reasoning: 'let me see' }, wishes)
    expect(completion).toMatchObject({
      text,
      finish: 'stop',
      reasoningTokens: 3,
      outputTokens: 9,
      inputTokens: undefined
    })
  })

  it('cuts text at the most tokens', () => {
    expect(complete({ text }, { ...wishes, maxTokens: 2 })).toMatchObject({
      text: 'one two',
      finish: 'length',
      outputTokens: 2
    })
  })

  it('spends the most tokens on reasoning first', () => {
    const completion = complete({ text, reasoning: 'let me see' }, { ...wishes, maxTokens: 2 })
    expect(completion).toMatchObject({
      reasoning: 'let me',
      text: '',
      finish: 'length',
      reasoningTokens: 2,
      outputTokens: 2
    })
  })

  it('breaks a tool call off where the limit falls into it, and leaves later ones out', () => {
    const toolCalls = [
      { name: 'look', arguments: { city: 'Bern', days: 3 } },
      { name: 'look', arguments: {} }
    ]
    const { toolCalls: kept, finish } = complete({ toolCalls }, { ...wishes, maxTokens: 8 })
    expect(finish).toBe('length')
    expect(kept).toHaveLength(1)
    expect(JSON.stringify(toolCalls[0]?.arguments).startsWith(kept[0]?.arguments ?? '?')).toBe(true)
    expect(countTokens(kept[0]?.arguments ?? '')).toBe(3)
  })

  it('stops at the first of the stop sequences', () => {
    const completion = complete({ text }, { ...wishes, stops: ['five', 'three', 'absent'] })
    expect(completion).toMatchObject({ text: 'one two ', finish: 'stop', stopSequence: 'three' })
  })

  it('gives a tool without a schema its text as it is', () => {
    const { toolCalls, finish } = complete({ toolCalls: [{ name: 'grep', arguments: 'a "b"' }] }, wishes)
    expect(toolCalls).toEqual([{ name: 'grep', arguments: 'a "b"', free: true }])
    expect(finish).toBe('tool_calls')
  })

  it('believes a reply that says what it used', () => {
    expect(complete({ text, usage: { input: 7, output: 11 } }, wishes)).toMatchObject({
      inputTokens: 7,
      outputTokens: 11
    })
  })

  it('spoils: truncated, filtered, empty', () => {
    expect(complete({ text }, wishes, 'truncate')).toMatchObject({ text: 'one two three', finish: 'length' })
    expect(complete({ text }, wishes, 'filter')).toMatchObject({ text: 'one two three', finish: 'content_filter' })
    expect(complete({ text, reasoning: 'x' }, wishes, 'empty')).toMatchObject({
      text: '',
      reasoning: '',
      finish: 'stop',
      outputTokens: 0
    })
  })
})
