import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Templated } from './plan.ts'
import type { PlanForm } from './plan-form.ts'
import type { WrittenAtom } from './plan-schema.ts'
import type { PlanPath } from './plan-source.ts'
import type { PlanTexts, TextOwner } from './plan-texts.ts'

/** Anthropic's messages need a limit, and other endpoints do not. */
const usualMaxTokens = 4096

/** The body of an atom's request in the dialect of its endpoint. Of its texts only what is said is a template. */
export function atomBody(atom: WrittenAtom, texts: PlanTexts, form: PlanForm): Templated {
  const owner: TextOwner = { id: atom.id, needs: new Set(atom.needs) }
  const { model, endpoint, parameters, prompt, at } = atom
  const said =
    atom.messages?.map((message, index) => spoken(message, [...at, 'messages', index], texts, owner)) ?? undefined
  const asked = prompt === undefined ? '' : texts.read(prompt, [...at, 'prompt'], owner)
  const messages = said ?? [{ role: 'user', content: asked }]
  const system = systemOf(atom, texts, owner, form)
  switch (endpoint) {
    case '/v1/messages': {
      const limit = { max_tokens: usualMaxTokens }
      return { model, ...limit, ...parameters, ...(system === undefined ? {} : { system }), messages }
    }
    case '/v1/responses': {
      const instructions = system === undefined ? {} : { instructions: system }
      return { model, ...parameters, ...instructions, input: said ?? asked }
    }
    case '/v1/chat/completions': {
      const first = system === undefined ? [] : [{ role: 'system', content: system }]
      return { model, ...parameters, messages: [...first, ...messages] }
    }
  }
}

/** Messages that begin with a system's own do without the plan's; an atom that says both contradicts itself. */
function systemOf(
  { id, system, messages }: WrittenAtom,
  texts: PlanTexts,
  owner: TextOwner,
  form: PlanForm
): Templated | undefined {
  if (system === undefined) return undefined
  const role = messages?.[0]?.['role']
  if (role !== 'system' && role !== 'developer') return texts.read(system.text, system.at, owner)
  if (system.isOwn)
    form.wrong(system.at, id, () => `expected either system or a first message of role ${role}, got both; remove one`)
  return undefined
}

function spoken(message: JsonObject, at: PlanPath, texts: PlanTexts, owner: TextOwner): Templated {
  const { content } = message
  if (content === undefined) return message as Templated
  return { ...message, content: inContent(content, [...at, 'content'], texts, owner) } as Templated
}

/** A text, or parts that have texts or contents of their own; pictures and the like stay as they are. */
function inContent(content: Json, at: PlanPath, texts: PlanTexts, owner: TextOwner): Templated {
  if (typeof content === 'string') return texts.read(content, at, owner)
  if (Array.isArray(content))
    return content.map((part: Json, index): Templated => inContent(part, [...at, index], texts, owner))
  if (!isObject(content)) return content
  const entries = Object.entries(content).map(([field, value]): [string, Templated] => {
    const isSaid = field === 'content' || (field === 'text' && typeof value === 'string')
    return [field, isSaid && value !== undefined ? inContent(value, [...at, field], texts, owner) : (value ?? null)]
  })
  return Object.fromEntries(entries)
}
