import { isObject, type Json, type JsonObject } from '../src/core/json.ts'
import { prose } from './plans-prose.ts'
import { digest, seededBy } from './plans-random.ts'
import { refOf, type Workload } from './plans-workload.ts'

/** A model whose answers follow from what is asked for, whatever the words, and from what it is given to go by. */
export interface PlanModel {
  /** The right answer to a question, given the request's earlier texts. */
  answer(asked: string, body: JsonObject): string
  /** By what the right answer is known. */
  refOf(asked: string, body: JsonObject): string
}

/** The answers' tokens: from so many, to so many. */
const [shortest, longest] = [150, 600]

/**
 * Two wordings of one question get answers of the same reference and in other words, as from a real model; the same prompt
 * gets the same answer.
 */
export function planModel({ meanings }: Workload): PlanModel {
  function answerRef(asked: string, body: JsonObject): string {
    const meaning = meanings.get(asked)
    if (meaning === undefined) throw new Error(`a question that nobody asked: ${asked.slice(0, 200)}`)
    return refOf(meaning, inputsIn(body))
  }
  return {
    refOf: answerRef,
    answer(asked, body) {
      const ref = answerRef(asked, body)
      // As long as what is asked for makes it, whatever the words.
      const tokens = shortest + Math.floor(seededBy(ref)() * (longest - shortest))
      return `Ref ${ref}. ${prose(digest(`${asked} ${givenIn(body)}`, 16), tokens)}`
    }
  }
}

/** What an answer is known by; undefined when it says nothing of it. */
export function refIn(answer: string): string | undefined {
  return /^Ref ([\da-f]{12})\./.exec(answer)?.[1]
}

/** Documents and answers that the request goes by, in its order. */
function inputsIn(body: JsonObject): readonly string[] {
  return [...givenIn(body).matchAll(/^(?:Document (\S+)|Ref ([\da-f]{12}))\. /gm)].map(([, id, ref]) => id ?? ref ?? '')
}

/** The texts of the last turn before the question. */
function givenIn(body: JsonObject): string {
  const turns = body['messages']
  const last = Array.isArray(turns) ? turns.at(-1) : undefined
  const content: Json | undefined = isObject(last) ? last['content'] : undefined
  return Array.isArray(content) ? content.slice(0, -1).map(textOf).join('\n') : ''
}

function textOf(part: Json): string {
  return isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''
}
