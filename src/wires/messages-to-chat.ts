import { anthropicMessages } from './anthropic-messages.ts'
import type { Crossing } from './crossing.ts'
import { messageOf } from './messages-to-chat-answer.ts'
import { chatRequest } from './messages-to-chat-request.ts'
import { messageStream } from './messages-to-chat-stream.ts'
import { openaiChat } from './openai-chat.ts'

/** A caller who speaks Anthropic's Messages, and a provider that speaks OpenAI's Chat Completions. */
export const messagesToChat: Crossing = {
  from: anthropicMessages.name,
  to: openaiChat.name,
  request: chatRequest,
  answer: messageOf,
  stream: messageStream
}
