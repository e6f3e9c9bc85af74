import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { wires } from '../wires/open.ts'

/** What an answer says; or why it says nothing that could be passed on, in words for a person. */
export type AnswerText =
  | { readonly text: string; readonly lack?: undefined }
  | { readonly text?: undefined; readonly lack: string }

/**
 * The text of a complete answer of `/v1/chat/completions`, `/v1/messages` or `/v1/responses`. One that was cut off or
 * filtered, a refusal, and one that calls a tool have none: half an answer must not be taken for a whole one.
 */
export function answerText(path: string, body: JsonObject): AnswerText {
  const wire = wires.find((one) => `/v1${one.path}` === path)
  const read = wire === undefined ? undefined : readers[wire.name]
  if (wire === undefined || read === undefined) return { lack: `an answer of ${path} has no text that is known here` }
  const said = read(body)
  if (said.refusal !== undefined) return { lack: `the model refused: ${excerpt(said.refusal)}` }
  const unfit = wire.unfit(body)
  if (unfit !== undefined) return { lack: lacks[unfit] ?? `the answer is not to be used: ${unfit}` }
  if (said.calls) return { lack: 'the answer calls a tool, and nobody is here to run it' }
  const text = said.texts.join('')
  return text === '' ? { lack: 'the answer holds no text' } : { text }
}

const lacks: Readonly<Record<string, string>> = {
  truncated: 'the answer was cut off at its limit of tokens: allow more in parameters, or ask for less',
  filtered: "the answer was withheld by the provider's filter, or refused",
  empty: 'the answer is empty',
  incomplete: 'the answer is not complete',
  malformed: 'what came is no answer of this endpoint',
  failed: 'the provider reported an error in place of an answer'
}

interface Said {
  readonly texts: readonly string[]
  readonly refusal: string | undefined
  readonly calls: boolean
}

const readers: Readonly<Record<string, (body: JsonObject) => Said>> = {
  'openai-chat': saidInChat,
  'anthropic-messages': ({ content }) => ({
    texts: textsOf(content, 'text'),
    refusal: undefined,
    calls: objectsIn(content).some(({ type }) => type === 'tool_use')
  }),
  'openai-responses': ({ output }) => {
    const items = objectsIn(output)
    const parts = items.flatMap(({ type, content }) => (type === 'message' ? objectsIn(content) : []))
    return {
      texts: textsOf(parts, 'output_text'),
      refusal: parts.map(({ refusal }) => refusal).find(isWord),
      calls: items.some(({ type }) => typeof type === 'string' && callsOfCaller.has(type))
    }
  }
}

/** Calls that wait for the caller; those of the provider's own tools have been made when the answer is there. */
const callsOfCaller: ReadonlySet<string> = new Set([
  'function_call',
  'custom_tool_call',
  'computer_call',
  'local_shell_call',
  'shell_call',
  'apply_patch_call',
  'mcp_approval_request'
])

/** Of several choices the first. */
function saidInChat({ choices }: JsonObject): Said {
  const [choice] = objectsIn(choices)
  const message = isObject(choice?.['message']) ? choice['message'] : {}
  const { content, refusal, tool_calls: calls, function_call: call } = message
  return {
    texts: typeof content === 'string' ? [content] : textsOf(content, 'text'),
    refusal: isWord(refusal) ? refusal : undefined,
    calls: (Array.isArray(calls) && calls.length > 0) || isObject(call)
  }
}

function textsOf(parts: Json | undefined, type: string): readonly string[] {
  return objectsIn(parts).flatMap((part) =>
    part['type'] === type && typeof part['text'] === 'string' ? [part['text']] : []
  )
}

function objectsIn(list: Json | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

function isWord(value: Json | undefined): value is string {
  return typeof value === 'string' && value !== ''
}

function excerpt(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}
