import { anthropicMessages } from './anthropic-messages.ts'
import { chatAnswer } from './chat-to-messages-answer.ts'
import { crossRequest } from './chat-to-messages-request.ts'
import { ChatChunks } from './chat-to-messages-stream.ts'
import type { Crossing } from './crossing.ts'
import { openaiChat } from './openai-chat.ts'

/** Carries requests of OpenAI's Chat Completions to Anthropic's Messages, and the answers back. */
export const chatToMessages: Crossing = {
  from: openaiChat.name,
  to: anthropicMessages.name,
  request: crossRequest,
  answer: chatAnswer,
  stream: () => new ChatChunks()
}
