import type { JsonObject } from '../../core/json.ts'
import { listOf, objectOf, textOf } from './checks.ts'
import type { StreamEvent } from './endpoint.ts'
import type { Making } from './making.ts'
import { countTokens, piecesOf } from './tokens.ts'

interface Step {
  readonly delta: JsonObject
  readonly logprobs?: JsonObject
  readonly finish?: string
  /** What the delta adds, for its length. */
  readonly text: string
}

/** A chat answer as a stream of chunks: its choices by turns, then the usage when it was asked for, then `[DONE]`. */
export function* chatEvents(answer: JsonObject, request: JsonObject, making: Making): Generator<StreamEvent> {
  const options = objectOf(request['stream_options'])
  const withUsage = options['include_usage'] === true
  const obfuscated = options['include_obfuscation'] !== false
  const chunk = (choices: JsonObject[], usage: JsonObject['usage'], text: string): StreamEvent => ({
    data: JSON.stringify({
      id: answer['id'],
      object: 'chat.completion.chunk',
      created: answer['created'],
      model: answer['model'],
      service_tier: answer['service_tier'],
      system_fingerprint: answer['system_fingerprint'],
      choices,
      ...(withUsage ? { usage } : {}),
      ...(obfuscated ? { obfuscation: making.obfuscation(text) } : {})
    }),
    tokens: countTokens(text)
  })

  const choices = listOf(answer['choices']).map(objectOf)
  let lanes = choices.map((choice) => ({ index: choice['index'], steps: stepsOf(choice, making) }))
  while (lanes.length > 0) {
    const open: typeof lanes = []
    for (const lane of lanes) {
      const { value: step, done } = lane.steps.next()
      if (done) continue
      open.push(lane)
      const { delta, logprobs = null, finish = null, text } = step
      yield chunk([{ index: lane.index, delta, logprobs, finish_reason: finish }], null, text)
    }
    lanes = open
  }
  if (withUsage) yield chunk([], answer['usage'], '')
  yield { data: '[DONE]', tokens: 0 }
}

function* stepsOf(choice: JsonObject, making: Making): Generator<Step, undefined> {
  const message = objectOf(choice['message'])
  const calls = listOf(message['tool_calls']).map(objectOf)
  const text = textOf(message['content'])
  const refusal = textOf(message['refusal'])
  const logprobs = objectOf(choice['logprobs'])
  const says = (content: string | null): JsonObject => ({ role: 'assistant', content, refusal: null })

  // One call alone comes with the first delta; several come each with their own.
  const alone = calls.length === 1 && text === '' ? calls[0] : undefined
  if (alone !== undefined) yield { delta: { ...says(null), tool_calls: [opening(alone, 0)] }, text: '' }
  else yield { delta: says(calls.length > 0 && text === '' ? null : ''), text: '' }

  const content = listOf(logprobs['content'])
  for (const { text: piece, from, to } of making.chunks(piecesOf(text))) {
    const likely = content.length > 0 ? { logprobs: { content: content.slice(from, to), refusal: null } } : {}
    yield { delta: { content: piece }, ...likely, text: piece }
  }
  const refused = listOf(logprobs['refusal'])
  for (const { text: piece, from, to } of making.chunks(piecesOf(refusal))) {
    const likely = refused.length > 0 ? { logprobs: { content: null, refusal: refused.slice(from, to) } } : {}
    yield { delta: { refusal: piece }, ...likely, text: piece }
  }
  for (const [index, call] of calls.entries()) {
    if (call !== alone) yield { delta: { tool_calls: [opening(call, index)] }, text: '' }
    yield* argumentsOf(call, index, making)
  }
  yield { delta: {}, finish: textOf(choice['finish_reason']), text: '' }
}

/** A call without its arguments. */
function opening(call: JsonObject, index: number): JsonObject {
  const { id, type } = call
  if (type === 'custom') return { index, id, type, custom: { name: objectOf(call['custom'])['name'], input: '' } }
  return { index, id, type, function: { name: objectOf(call['function'])['name'], arguments: '' } }
}

function* argumentsOf(call: JsonObject, index: number, making: Making): Generator<Step> {
  const custom = call['type'] === 'custom'
  const whole = textOf(custom ? objectOf(call['custom'])['input'] : objectOf(call['function'])['arguments'])
  for (const { text } of making.chunks(piecesOf(whole))) {
    const part = custom ? { custom: { input: text } } : { function: { arguments: text } }
    yield { delta: { tool_calls: [{ index, ...part }] }, text }
  }
}
