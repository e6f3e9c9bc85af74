import { anthropicMessages } from './anthropic-messages.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'
import type { Wire } from './wire.ts'

/** Every dialect's endpoint that answers one request with one answer, plain or streaming. */
export const wires: readonly Wire[] = [openaiChat, openaiResponses, anthropicMessages]
