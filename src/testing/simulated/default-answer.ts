import type { Json } from '../../core/json.ts'
import type { Question, Reply, Tool, Wishes } from './endpoint.ts'
import { prose } from './prose.ts'
import { sampleOfSchema } from './sample-of-schema.ts'
import { between, type Random, seeded } from './seeded.ts'

/**
 * The answer that follows from the request: the same to the same request, another to another.
 * Text of 60 to 250 tokens; JSON where JSON is asked for; a call of a tool where the request has tools and either
 * demands it or its last user turn says "use the tool" (one call) or "use the tools" (one call of each).
 */
export function defaultAnswer(question: Question, wishes: Wishes, hash: string): Reply {
  const random = seeded(`answer ${hash} ${question.choice}`)
  const reasoning = wishes.reasoning ? { reasoning: reasoningOn(wishes.lastUserText, random) } : {}
  const called = toolsToCall(wishes)
  if (called.length > 0) {
    const toolCalls = called.map((tool) => ({ name: tool.name, arguments: argumentsOf(tool, random) }))
    // This family says what it is going to do before it does it, unless it was given no choice.
    const says = question.endpoint === 'messages' && wishes.toolChoice === 'auto'
    return { ...reasoning, toolCalls, ...(says ? { text: `I will use ${called[0]?.name} to find out.` } : {}) }
  }
  if (wishes.format !== 'text') return { ...reasoning, text: JSON.stringify(jsonAnswer(wishes, random)) }
  // The reference makes sure that two different requests never get the same text by chance.
  const reference = `${hash.slice(0, 4)}-${hash.slice(4, 8)}-${question.choice}`
  return { ...reasoning, text: `${prose(wishes.lastUserText, random)} (Reference ${reference}.)` }
}

function toolsToCall(wishes: Wishes): readonly Tool[] {
  if (wishes.tools.length === 0 || wishes.toolChoice === 'none') return []
  if (wishes.toolNamed !== undefined) return wishes.tools.filter((tool) => tool.name === wishes.toolNamed).slice(0, 1)
  const asked = /\buse the tool(s)?\b/i.exec(wishes.lastUserText)
  if (wishes.toolChoice !== 'required' && (wishes.answersTool || asked === null)) return []
  if (asked?.[1] !== undefined && wishes.parallelTools) return wishes.tools
  const mentioned = wishes.tools.find((tool) => wishes.lastUserText.includes(tool.name))
  return [mentioned ?? wishes.tools[0]].filter((tool) => tool !== undefined)
}

function argumentsOf(tool: Tool, random: Random): Json {
  if (tool.schema === undefined) return prose(tool.name, random, 20)
  return sampleOfSchema(tool.schema, random)
}

function jsonAnswer(wishes: Wishes, random: Random): Json {
  if (typeof wishes.format === 'object') return sampleOfSchema(wishes.format, random)
  return {
    answer: prose(wishes.lastUserText, random, 30),
    confidence: between(random, 50, 99) / 100,
    tags: ['naïve', 'draft'].slice(0, between(random, 1, 2))
  }
}

function reasoningOn(text: string, random: Random): string {
  return `**Looking at the question**\n\n${prose(text, random, 25)}\n\n**Deciding what to say**\n\n${prose('', random, 20)}`
}
