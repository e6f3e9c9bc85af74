import { isObject, type Json, type JsonObject } from '../core/json.ts'

/** What of a request a model reads. */
export interface RequestText {
  readonly text: string
  /** What it reads beside the text: images and other media, and tokens that were sent as numbers. */
  readonly otherTokens: number
}

/**
 * Of an image, whatever its size: providers take from 85 (OpenAI, low detail) to some 1,600 (Anthropic, at full size)
 * for one, and how large it is cannot be told without looking into it.
 */
const imageTokens = 1500
/** Of a document, at least; beyond that, one for so many characters of its base64: a page of PDF has some 2,000 tokens. */
const documentTokens = 1500
const charactersToDocumentToken = 50
/** Of a recording, one for so many characters of its base64: providers take 10 to 32 for a second. */
const charactersToAudioToken = 1000

/** The fields of a request that a model reads, in all dialects. */
const readFields = [
  'system',
  'instructions',
  'tools',
  'functions',
  'messages',
  'input',
  'prompt',
  'response_format',
  'text',
  'output_config'
]

/** Of which the names of fields are read too: they are schemas. */
const schemaFields: ReadonlySet<string> = new Set(['tools', 'functions', 'response_format', 'text', 'output_config'])

/** Gathers what of a request a model reads. Never throws. */
export function requestText(request: JsonObject): RequestText {
  const texts: string[] = []
  let otherTokens = 0

  function add(value: Json | undefined, isSchema: boolean): void {
    // A list of its own instead of a call for each level: nesting comes from callers, and may be deep.
    const left: (Json | undefined)[] = [value]
    while (left.length > 0) {
      const next = left.pop()
      if (typeof next === 'string') texts.push(next)
      else if (typeof next === 'number' || typeof next === 'boolean') otherTokens += 1
      else if (Array.isArray(next)) for (let index = next.length - 1; index >= 0; index--) left.push(next[index])
      else if (isObject(next)) {
        const media = mediaTokens(next)
        otherTokens += media ?? 0
        if (media !== undefined) continue
        const fields = Object.entries(next)
        for (let index = fields.length - 1; index >= 0; index--) {
          const [name, inner] = fields[index] ?? []
          left.push(inner)
          if (isSchema && name !== undefined) left.push(name)
        }
      }
    }
  }

  for (const field of readFields) if (Object.hasOwn(request, field)) add(request[field], schemaFields.has(field))
  return { text: texts.join('\n'), otherTokens }
}

/** Of a part that is an image, a document or a recording; undefined for all others. */
function mediaTokens(part: JsonObject): number | undefined {
  switch (part['type']) {
    case 'image_url':
    case 'input_image':
    case 'image':
      return imageTokens
    case 'input_audio':
      return Math.ceil(base64Length(part) / charactersToAudioToken)
    case 'document':
    case 'file':
    case 'input_file':
      return isText(part)
        ? undefined
        : Math.max(documentTokens, Math.ceil(base64Length(part) / charactersToDocumentToken))
    default:
      return undefined
  }
}

/** A document of Anthropic's that holds plain text or blocks of content. */
function isText({ source }: JsonObject): boolean {
  return isObject(source) && (source['type'] === 'text' || source['type'] === 'content')
}

/** The longest text in a part, or one level below: in all dialects that is its data. */
function base64Length(part: JsonObject): number {
  const values = Object.values(part).flatMap((value) => (isObject(value) ? Object.values(value) : [value]))
  return values.reduce<number>((most, value) => (typeof value === 'string' ? Math.max(most, value.length) : most), 0)
}
