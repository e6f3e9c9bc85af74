/** What an answer says: the text of the dialects' bodies, a text itself, else undefined. */
export function answerText(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  if (!isRecord(body)) return undefined
  const parts = [
    // OpenAI's chat.
    ...list(body['choices']).map((choice) => textOf(record(choice)['message'])),
    // Anthropic's messages.
    textOf(body),
    // OpenAI's responses.
    ...list(body['output']).map(textOf)
  ].filter((part) => part !== '')
  return parts.length === 0 ? undefined : parts.join('\n\n')
}

function textOf(holder: unknown): string {
  const { content } = record(holder)
  if (typeof content === 'string') return content
  return list(content)
    .map((part) => record(part)['text'])
    .filter((text) => typeof text === 'string')
    .join('\n')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
