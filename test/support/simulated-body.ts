import type { JsonObject } from '../../src/core/json.ts'
import { chat } from '../../src/testing/simulated/chat.ts'
import { textOf } from '../../src/testing/simulated/checks.ts'
import { complete } from '../../src/testing/simulated/completion.ts'
import type { Question, Reply } from '../../src/testing/simulated/endpoint.ts'
import { Making } from '../../src/testing/simulated/making.ts'
import { messages } from '../../src/testing/simulated/messages.ts'
import { responses } from '../../src/testing/simulated/responses.ts'
import { hashOf } from '../../src/testing/simulated/seeded.ts'
import type { Wire } from '../../src/wires/wire.ts'

const endpoints = { 'openai-chat': chat, 'openai-responses': responses, 'anthropic-messages': messages }

/** What a simulated provider answers to a request, without a socket. Throws when it would refuse it. */
export function simulatedBody(
  { name }: Wire,
  body: JsonObject,
  answer: (question: Question) => Reply | undefined
): JsonObject {
  const endpoint = endpoints[name as keyof typeof endpoints]
  const problem = endpoint.check(body, { strict: true, version: '2023-06-01' })
  if (problem !== undefined) throw new Error(`refused: ${problem.message}`)
  const wishes = endpoint.wishes(body)
  const question = {
    endpoint: endpoint.name,
    model: textOf(body['model']),
    lastUserText: wishes.lastUserText,
    body,
    choice: 0
  }
  const completion = complete(answer(question) ?? {}, wishes)
  const making = new Making({ question: hashOf(body), call: '', createdS: 1_760_000_000, chunkTokens: undefined })
  return endpoint.speak(body, [completion], making).body
}
