import { isObject, type Json } from '../../src/core/json.ts'
import type { Question, Reply } from '../../src/testing/simulated-provider.ts'
import { obey } from './gullible.ts'

/** What the model gets wrong in a combined answer; never what it is asked alone. Numbers count callers' parts. */
export interface Misbehaviour {
  /** Leaves out the answers to so many parts. */
  readonly drop?: number
  /** Gives nothing but white space for so many. */
  readonly empty?: number
  /** Answers so many twice. */
  readonly double?: number
  /** Writes a letter of so many ids wrongly. */
  readonly rename?: number
  /** Answers a part that was not asked. */
  readonly unknown?: boolean
  /** Says something before and behind the answers. */
  readonly prose?: boolean
  /** Breaks off after this share of the answer, from 0 to 1, as if it had ended. */
  readonly cut?: number
  /** Does what a text in any part tells it to do to the others' answers. */
  readonly obeys?: boolean
}

export interface PromptPart {
  readonly id: string
  readonly text: string
}

/** An answer under an id: as often as it is there it is written. */
export interface PartAnswer {
  id: string
  text: string
}

/**
 * A model for a simulated provider that answers a combined prompt as a real one does, reading nothing but the prompt:
 * each part by `answerOne`, the check as it asks, in the form asked for. Any other prompt is answered by `answerOne`.
 */
export function batchingModel(
  answerOne: (text: string) => string,
  misbehaviour: Misbehaviour = {}
): (question: Question) => Reply {
  return (question) => {
    const parts = partsOf(question.lastUserText)
    if (parts === undefined) return { text: answerOne(question.lastUserText) }
    const answers = parts.map(({ id, text }) => ({ id, text: checkedWord(text) ?? answerOne(text) }))
    const obeyed = misbehaviour.obeys ? obey(parts, answers) : answers
    return inForm(question, spoilt(parts, obeyed, misbehaviour), misbehaviour)
  }
}

/** The parts of a combined prompt, the check among them; undefined for any other prompt. */
export function partsOf(prompt: string): readonly PromptPart[] | undefined {
  const from = prompt.search(/Here are \d+ separate requests, /)
  if (from === -1 || !prompt.endsWith('in the form that was described before the first one.')) return undefined
  const parts: PromptPart[] = []
  let rest = prompt.slice(from)
  for (;;) {
    const begin = /^<<part (\S+)>>\n/m.exec(rest)
    if (begin === null) return parts.length > 0 ? parts : undefined
    const [line, id = ''] = begin
    const text = rest.slice(begin.index + line.length)
    const end = text.indexOf(`\n<<end ${id}>>`)
    if (end === -1) return undefined
    parts.push({ id, text: text.slice(0, end) })
    rest = text.slice(end + id.length + 9)
  }
}

/** The word that a check asks for; undefined for a part of somebody's. */
export function checkedWord(text: string): string | undefined {
  return /\b(?:[bdfghjklmnprstvz][aeio]){11}\b/.exec(text)?.[0]
}

function spoilt(
  parts: readonly PromptPart[],
  answers: readonly PartAnswer[],
  { drop = 0, empty = 0, double = 0, rename = 0, unknown = false }: Misbehaviour
): readonly PartAnswer[] {
  const theirs = parts.filter(({ text }) => checkedWord(text) === undefined).map(({ id }) => id)
  const first = (count: number, id: string): boolean => theirs.slice(0, count).includes(id)
  const said = answers.flatMap(({ id, text }): PartAnswer[] => {
    if (first(drop, id)) return []
    const one = { id: first(rename, id) ? wrongly(id) : id, text: first(empty, id) ? ' \n' : text }
    return first(double, id) ? [one, { ...one, text: `${text} Once more.` }] : [one]
  })
  return unknown ? [...said, { id: wrongly(theirs[0] ?? 'p'), text: 'An answer to what nobody has asked.' }] : said
}

function wrongly(id: string): string {
  return id.slice(0, -1) + (id.endsWith('1') ? '2' : '1')
}

/** The answers as they were asked for: as JSON, as a call of a tool, or as text with lines between them. */
function inForm({ endpoint, body }: Question, answers: readonly PartAnswer[], misbehaviour: Misbehaviour): Reply {
  const { prose = false, cut } = misbehaviour
  const around = (text: string): string => {
    const whole = prose ? `Sure, here are the answers:\n\n${text}\n\nI hope this helps.` : text
    return cut === undefined ? whole : whole.slice(0, Math.floor(whole.length * cut))
  }
  const tool = forcedTool(body['tool_choice'])
  if (endpoint === 'messages' && tool !== undefined) {
    const kept = cut === undefined ? answers : answers.slice(0, Math.floor(answers.length * cut))
    const input = Object.fromEntries(kept.map(({ id, text }) => [id, text]))
    return { toolCalls: [{ name: tool, arguments: input }], ...(prose ? { text: 'Sure, here are the answers.' } : {}) }
  }
  const call = forcedFunction(body['tool_choice'])
  if (endpoint === 'chat' && call !== undefined) {
    return { toolCalls: [{ name: call, arguments: Object.fromEntries(answers.map(({ id, text }) => [id, text])) }] }
  }
  const form = { chat: body, responses: body['text'], messages: body['output_config'] }[endpoint as string]
  const format = isObject(form) ? form[endpoint === 'chat' ? 'response_format' : 'format'] : undefined
  if (isObject(format) && format['type'] === 'json_schema') return { text: around(asJson(answers)) }
  return { text: around(asText(answers)) }
}

function forcedTool(choice: Json | undefined): string | undefined {
  return isObject(choice) && choice['type'] === 'tool' && typeof choice['name'] === 'string'
    ? choice['name']
    : undefined
}

/** The same, as a request that was carried over to chat says it. */
function forcedFunction(choice: Json | undefined): string | undefined {
  const called = isObject(choice) && choice['type'] === 'function' ? choice['function'] : undefined
  return isObject(called) && typeof called['name'] === 'string' ? called['name'] : undefined
}

/** Written by hand: a member may be there twice. */
export function asJson(answers: readonly PartAnswer[]): string {
  return `{${answers.map(({ id, text }) => `${JSON.stringify(id)}: ${JSON.stringify(text)}`).join(', ')}}`
}

export function asText(answers: readonly PartAnswer[]): string {
  return answers.map(({ id, text }) => `<<answer ${id}>>\n${text}\n<<end ${id}>>`).join('\n')
}
