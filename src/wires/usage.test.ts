import { describe, expect, it } from 'vitest'
import { anthropicMessages } from './anthropic-messages.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'

describe('the tokens spent on thinking', () => {
  it('are read where each dialect says them', () => {
    const chat = { prompt_tokens: 10, completion_tokens: 50, completion_tokens_details: { reasoning_tokens: 40 } }
    const responses = { input_tokens: 10, output_tokens: 50, output_tokens_details: { reasoning_tokens: 40 } }
    const messages = { input_tokens: 10, output_tokens: 50, output_tokens_details: { thinking_tokens: 40 } }
    const expected = { inputTokens: 10, outputTokens: 50, reasoningTokens: 40 }
    expect(openaiChat.usage({ usage: { ...chat, total_tokens: 60 } })).toEqual(expected)
    expect(openaiChat.usage({ usage: chat })).toEqual(expected)
    expect(openaiResponses.usage({ usage: { ...responses, total_tokens: 60 } })).toEqual(expected)
    expect(anthropicMessages.usage({ usage: messages })).toEqual(expected)
  })

  it('are not known where nothing is said of them', () => {
    const expected = { inputTokens: 10, outputTokens: 5 }
    for (const details of [undefined, null, {}, { reasoning_tokens: null, thinking_tokens: 'many' }]) {
      const chat = { prompt_tokens: 10, completion_tokens: 5, completion_tokens_details: details }
      const messages = { input_tokens: 10, output_tokens: 5, output_tokens_details: details }
      expect(openaiChat.usage({ usage: chat })).toEqual(expected)
      expect(anthropicMessages.usage({ usage: messages })).toEqual(expected)
    }
  })

  it('are added to the output where the provider counts them beside it', () => {
    const details = { reasoning_tokens: 94 }
    const summed = { prompt_tokens: 32, completion_tokens: 9, total_tokens: 135, completion_tokens_details: details }
    expect(openaiChat.usage({ usage: summed })).toEqual({ inputTokens: 32, outputTokens: 103, reasoningTokens: 94 })
    const silent = { input_tokens: 32, output_tokens: 9, output_tokens_details: details }
    expect(openaiResponses.usage({ usage: silent })).toEqual({
      inputTokens: 32,
      outputTokens: 103,
      reasoningTokens: 94
    })
  })
})
