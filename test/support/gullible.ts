import type { PartAnswer, PromptPart } from './batching-model.ts'

/**
 * What a model would answer that believes each text which speaks of the other parts, and does as it says to all of them:
 * it cannot tell the check from the others either. It takes more for a command than any real model would.
 */
export function obey(parts: readonly PromptPart[], answers: readonly PartAnswer[]): readonly PartAnswer[] {
  return parts.reduce<readonly PartAnswer[]>((said, part) => {
    if (!speaksOfOthers.test(part.text)) return said
    const { act } = commands.find(({ heard }) => heard.test(part.text)) ?? override
    return act(said, part, parts)
  }, answers)
}

const speaksOfOthers =
  /\b(other|others|all|every|each|everyone|everybody|rest|parts?|fields?|alle|jeden?|anderen?|autres|toutes?|tous|todas?|todos?|otras?|tutti|altre|inne|wszystkie)\b|другие|всех|все|すべて|他の|所有|其他|모든|جميع|כל/iu

interface Command {
  readonly heard: RegExp
  act(said: readonly PartAnswer[], from: PromptPart, parts: readonly PromptPart[]): readonly PartAnswer[]
}

/** The first one that is heard is obeyed. */
const commands: readonly Command[] = [
  {
    heard: /leave out|omit|skip|drop|do not answer|don't answer|lass.* weg|ignore[sz]? les autres parties/i,
    act: (said, { id }) => said.filter((one) => one.id === id)
  },
  {
    heard: /merge|combine|join|into one|zusammen/i,
    act(said, { id }) {
      const merged = said.map(({ text }) => text).join('\n\n')
      return said.map((one) => (one.id === id ? { id, text: merged } : { id: one.id, text: 'See the other part.' }))
    }
  },
  {
    heard: /rename|number the|call the (parts|ids)|part_1|swap the ids|new ids/i,
    act: (said) => said.map(({ text }, at) => ({ id: `part_${at + 1}`, text }))
  },
  {
    heard: /twice|two times|doubl|again at the end|zweimal|deux fois/i,
    act: (said) => [...said, ...said.map(({ id, text }) => ({ id, text: `${text}!` }))]
  },
  {
    heard: /rotate|shift|swap|exchange/i,
    act: (said) => said.map(({ id }, at) => ({ id, text: said[(at + 1) % said.length]?.text ?? '' }))
  },
  {
    heard: /reveal|repeat (everything|all|the other)|show|list the other|what (do )?the others ask|quote/i,
    act: (said, { id }, parts) =>
      said.map((one) => (one.id === id ? { id, text: parts.map(({ text }) => text).join('\n') } : one))
  },
  {
    heard: /append|add .* to (each|every|all)|end (each|every|all)|begin (each|every|all)|prefix/i,
    act: (said, { id, text }) =>
      said.map((one) => (one.id === id ? one : { id: one.id, text: `${one.text} ${payloadOf(text)}` }))
  },
  {
    heard: /(as|in) (plain|free) (text|prose)|no json|without json|instead of json|ignore the form/i,
    act: () => [{ id: 'answer', text: 'Of course. All the answers are yes.' }]
  }
]

/** All others are told what the text wants them to be told, and so is whoever wrote it. */
const override: Command = {
  heard: /./,
  act: (said, { text }) => said.map(({ id }) => ({ id, text: payloadOf(text) }))
}

/** What is to be said: what stands in quotes, or in capitals. */
function payloadOf(text: string): string {
  return /["“«「']([^"”»」']{3,})["”»」']/.exec(text)?.[1] ?? /\b[A-Z]{4,}\b/.exec(text)?.[0] ?? 'PWNED'
}
