import type { Fleet } from './fleet.ts'

export interface Ask {
  readonly key?: string
  readonly model?: string
  readonly stream?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** Default: none. */
  readonly maxRetries?: number
  /** Further fields of the request. */
  readonly fields?: object
}

export interface Told {
  readonly text: string
  readonly headers: Headers
}

/** Asks by either SDK. */
export type Caller = (fleet: Pick<Fleet, 'openai' | 'anthropic'>, content: string, ask?: Ask) => Promise<Told>

/** Asks by OpenAI's SDK for a chat completion. */
export const chat: Caller = async function chat(fleet, content, ask = {}) {
  const { key, model = 'gpt-4o', stream = false, headers = {}, maxRetries = 0, fields = {} } = ask
  const { completions } = fleet.openai(key).chat
  const body = { model, messages: [{ role: 'user' as const, content }], ...fields }
  const options = { headers, maxRetries }
  if (!stream) {
    const { data, response } = await completions.create(body, options).withResponse()
    return { text: data.choices[0]?.message.content ?? '', headers: response.headers }
  }
  const { data, response } = await completions.create({ ...body, stream }, options).withResponse()
  let text = ''
  for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? ''
  return { text, headers: response.headers }
}

/** Asks by Anthropic's SDK for a message. */
export const message: Caller = async function message(fleet, content, ask = {}) {
  const { key, model = 'claude-sonnet-5', stream = false, headers = {}, maxRetries = 0, fields = {} } = ask
  const { messages } = fleet.anthropic(key)
  const body = { model, max_tokens: 1000, messages: [{ role: 'user' as const, content }], ...fields }
  const options = { headers, maxRetries }
  if (!stream) {
    const { data, response } = await messages.create(body, options).withResponse()
    return { text: data.content[0]?.type === 'text' ? data.content[0].text : '', headers: response.headers }
  }
  const { data, response } = await messages.create({ ...body, stream }, options).withResponse()
  let text = ''
  for await (const event of data) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
  }
  return { text, headers: response.headers }
}

/** What a request has thrown. */
export async function thrownBy<Thrown = Error>(asked: Promise<unknown>): Promise<Thrown> {
  let answer: unknown
  try {
    answer = await asked
  } catch (error) {
    return error as Thrown
  }
  throw new Error(`expected an error, got ${JSON.stringify(answer)}`)
}
