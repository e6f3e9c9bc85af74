import { isObject } from '../core/json.ts'
import { answerLine, type CombinedPrompt, holdsMarkup } from './combined-prompt.ts'
import { isBlank } from './likeness.ts'
import { membersOf, skipSpaces } from './members.ts'

/** What one of the texts was told; a doubt: see `Doubtful`. */
export type ReadPart =
  | { readonly text: string; readonly doubt?: undefined }
  | { readonly text?: undefined; readonly doubt: string }

/**
 * The parts of what was said to a combined prompt, in the order of its texts: each its own, or a doubt. They are found by
 * their ids. One that is unknown, a check that was not answered as it had to be, or anything that stands where nothing
 * belongs is a doubt about all of them: nobody can say how far it goes.
 */
export function readParts(said: string, prompt: CombinedPrompt, texts: readonly string[]): readonly ReadPart[] {
  const { ids, check } = prompt
  const whole = fenced.exec(said)?.[1] ?? said
  const told = prompt.schema === undefined ? fromText(whole, prompt) : fromJson(whole)
  if (typeof told === 'string') return ids.map(() => ({ doubt: told }))
  const known = new Set([...ids, check.id])
  const doubtOfAll = told.some(([id]) => !known.has(id))
    ? 'mixed'
    : valuesOf(told, check.id).length === 1 && valuesOf(told, check.id)[0]?.trim() === check.word
      ? undefined
      : 'tampered'
  if (doubtOfAll !== undefined) return ids.map(() => ({ doubt: doubtOfAll }))
  const own = ids.map((id) => readOne(valuesOf(told, id), prompt))
  return own.map((part, at) => doubtAmong(own, at, texts) ?? part)
}

/** Around all that was said, as models write it that are not held to a form by their provider. */
const fenced = /^\s*```\w*[ \t]*\r?\n([\s\S]*\n)[ \t]*```\s*$/

/** Ids and what stands under them, as often as it was written; undefined for what is no text. */
type Told = readonly (readonly [id: string, text: string | undefined])[]

function valuesOf(told: Told, id: string): readonly (string | undefined)[] {
  return told.filter(([of]) => of === id).map(([, text]) => text)
}

function fromJson(said: string): Told | string {
  let value: unknown
  try {
    value = JSON.parse(said)
  } catch {
    return 'unreadable'
  }
  if (!isObject(value)) return 'unreadable'
  const object = value
  // A parser keeps the last of several members with one name: read as they are written, none is lost.
  const raw = Buffer.from(said)
  return membersOf(raw, skipSpaces(raw, 0)).map(({ name }) => {
    const text = Object.hasOwn(object, name) ? object[name] : undefined
    return [name, typeof text === 'string' ? text : undefined]
  })
}

/**
 * Reads nothing but whole answers, one behind the other. With something between or behind them nobody can say whose it
 * is: it may be the rest of an answer whose end was written too early. What a model says before the first of them is no
 * answer's rest, and nobody's, unless it names a part.
 */
function fromText(said: string, prompt: CombinedPrompt): Told | string {
  const lines = [...said.matchAll(answerLine)]
  if (lines.length === 0) return 'unreadable'
  const told: [string, string][] = []
  let read = 0
  for (let at = 0; at < lines.length; at += 2) {
    const [open, end] = [lines[at], lines[at + 1]]
    if (open?.[1] !== 'answer' || end?.[1] !== 'end' || open[2] !== end[2]) return 'mixed'
    const between = said.slice(read, open.index)
    if (at === 0 ? holdsOurs(between, prompt) : !isBlank(between)) return 'mixed'
    told.push([open[2] ?? '', withoutLineEnds(said.slice(open.index + open[0].trimEnd().length, end.index))])
    read = end.index + end[0].length
  }
  return isBlank(said.slice(read)) ? told : 'mixed'
}

/** What stands between two lines, without the end of the first and its own last one, which are written alike. */
function withoutLineEnds(text: string): string {
  const lineEnd = /^[ \t]*(\r?\n)/.exec(text)
  if (lineEnd === null) return text
  const [whole, way = ''] = lineEnd
  const rest = text.slice(whole.length)
  return rest.endsWith(way) ? rest.slice(0, -way.length) : rest
}

function readOne(values: readonly (string | undefined)[], prompt: CombinedPrompt): ReadPart {
  const [text] = values
  if (text === undefined) return { doubt: 'missing' }
  if (values.length > 1) return { doubt: 'repeated' }
  if (isBlank(text)) return { doubt: 'empty' }
  return holdsOurs(text, prompt) ? { doubt: 'mixed' } : { text }
}

/** Whether a text holds what is part of no answer: a line of the form, an id, the check's word. */
function holdsOurs(text: string, { ids, check }: CombinedPrompt): boolean {
  return holdsMarkup(text) || [...ids, check.id, check.word].some((own) => text.includes(own))
}

/** Where two answers begin to be too much alike to be so by chance, in UTF-16 units: more than a few words. */
const fewWords = 40

/** What is wrong with an answer beside the others: it is another's too, or holds what another has asked or was told. */
function doubtAmong(parts: readonly ReadPart[], at: number, texts: readonly string[]): ReadPart | undefined {
  const answer = parts[at]?.text?.trim()
  const asked = texts[at] ?? ''
  if (answer === undefined) return undefined
  for (const [other, part] of parts.entries()) {
    const othersAsked = (texts[other] ?? '').trim()
    if (other === at || othersAsked === asked.trim()) continue
    const othersAnswer = part.text?.trim() ?? ''
    if (answer === othersAnswer && answer.length >= fewWords) return { doubt: 'repeated' }
    const isHeld = (text: string): boolean => text.length >= fewWords && answer.includes(text) && !asked.includes(text)
    if (isHeld(othersAsked) || isHeld(othersAnswer)) return { doubt: 'mixed' }
  }
  return undefined
}
