import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { inWords } from './check.ts'
import { isList } from './fields.ts'
import { expectOnly, Unsuitable } from './unsuitable.ts'

/** Carries over one part of a message that is no text. */
export type CrossPart = (part: JsonObject, place: string) => JsonObject

/**
 * A message's content as Anthropic's blocks. Empty texts, which Anthropic refuses, say nothing and are left out; null
 * has no blocks.
 * @throws Unsuitable
 */
export function blocksOf(content: Json | undefined, other: CrossPart, place: string): readonly JsonObject[] {
  if (content === null) return []
  if (typeof content === 'string') return textBlock(content, place)
  if (!isList(content)) throw new Unsuitable(`${place}: expected a text or a list of parts, got ${inWords(content)}`)
  return content.flatMap((part, index) => {
    const at = `${place}[${index}]`
    if (!isObject(part)) throw new Unsuitable(`${at}: expected an object, got ${inWords(part)}`)
    const { type } = part
    // What the model once said when it refused stands in the conversation like anything else it said.
    if (type !== 'text' && type !== 'refusal') return [other(part, at)]
    expectOnly(part, { fields: ['type', type, ...ofNoEffect] }, at)
    return textBlock(part[type], `${at}.${type}`)
  })
}

/** Marks where a prompt may be cached up to: cost and speed. */
const ofNoEffect: readonly string[] = ['prompt_cache_breakpoint']

function textBlock(text: Json | undefined, place: string): readonly JsonObject[] {
  if (typeof text !== 'string') throw new Unsuitable(`${place}: expected a text, got ${inWords(text)}`)
  if (text === '') return []
  if (text.trim() === '') throw new Unsuitable(`${place}: a text of nothing but white space has no counterpart`)
  return [{ type: 'text', text }]
}

/** Where there may be texts only. */
export const textsOnly: CrossPart = ({ type }, place) => {
  throw new Unsuitable(`${place}.type: ${inWords(type)} has no counterpart here`)
}

/** What a user may say beside texts: pictures and documents. */
export const nonText: CrossPart = (part, place) => {
  if (part['type'] === 'image_url') return imageOf(part, place)
  if (part['type'] === 'file') return documentOf(part, place)
  return textsOnly(part, place)
}

function imageOf(part: JsonObject, place: string): JsonObject {
  expectOnly(part, { fields: ['type', 'image_url', ...ofNoEffect] }, place)
  const { image_url: image } = part
  if (!isObject(image)) throw new Unsuitable(`${place}.image_url: expected an object, got ${inWords(image)}`)
  // Anthropic always looks as closely as it can.
  expectOnly(image, { fields: ['url'], defaults: { detail: ['auto', 'high'] } }, `${place}.image_url`)
  return { type: 'image', source: imageSource(image['url'], `${place}.image_url.url`) }
}

function imageSource(url: Json | undefined, place: string): JsonObject {
  if (typeof url === 'string' && /^https:\/\//i.test(url)) return { type: 'url', url }
  const inline = inlineData(url)
  const mediaType = inline?.mediaType === 'image/jpg' ? 'image/jpeg' : inline?.mediaType
  if (inline !== undefined && mediaType !== undefined && pictures.has(mediaType)) {
    return { type: 'base64', media_type: mediaType, data: inline.data }
  }
  throw new Unsuitable(
    `${place}: expected an https address or a base64 data: URL of ${[...pictures].join(', ')}, got ${inWords(url)}`
  )
}

const pictures: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

function documentOf(part: JsonObject, place: string): JsonObject {
  expectOnly(part, { fields: ['type', 'file', ...ofNoEffect] }, place)
  const { file } = part
  if (!isObject(file)) throw new Unsuitable(`${place}.file: expected an object, got ${inWords(file)}`)
  expectOnly(file, { fields: ['file_data', 'filename'] }, `${place}.file`)
  const { file_data: given, filename } = file
  const inline = inlineData(given)
  if (inline?.mediaType !== 'application/pdf') {
    throw new Unsuitable(`${place}.file.file_data: expected a base64 data: URL of a PDF, got ${inWords(given)}`)
  }
  return {
    type: 'document',
    source: { type: 'base64', media_type: inline.mediaType, data: inline.data },
    ...(typeof filename === 'string' && filename !== '' ? { title: filename } : {})
  }
}

/** What a `data:` URL holds. */
function inlineData(url: Json | undefined): { readonly mediaType: string; readonly data: string } | undefined {
  if (typeof url !== 'string') return undefined
  const [head, mediaType] = /^data:([\w.+-]+\/[\w.+-]+)(?:;[^,;]*)*;base64,/i.exec(url) ?? []
  if (head === undefined || mediaType === undefined) return undefined
  return { mediaType: mediaType.toLowerCase(), data: url.slice(head.length) }
}
