import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { type CombinedPrompt, combinedPrompt } from '../src/wires/combined-prompt.ts'
import { asText, type PartAnswer } from '../test/support/batching-model.ts'
import { count, markdown } from './tables.ts'

/** A token of an answer, in tokens of a prompt. */
const outputWeight = 4
/** Ids are drawn, and the check's wording is: each figure is the mean of so many prompts. */
const prompts = 1000

/** What stands around the parts of a batch, in tokens, and from what all have in common on asking together is cheaper. */
export async function benchBatching(): Promise<void> {
  const rows = [
    { parts: 2, structured: true },
    { parts: 5, structured: true },
    { parts: 10, structured: true },
    { parts: 5, structured: false }
  ].map(({ parts, structured }) => {
    const { prompt, answer } = meanAround(parts, structured)
    const paysAbove = (prompt + outputWeight * answer) / (parts - 1)
    const form = structured ? 'JSON' : 'delimited text'
    return [String(parts), form, ...[prompt, answer, paysAbove].map((tokens) => count(Math.round(tokens)))]
  })
  console.log(markdown(['parts', 'form', 'added to the prompt', 'added to the answer', 'pays above, in common'], rows))
}

function meanAround(parts: number, structured: boolean): { readonly prompt: number; readonly answer: number } {
  const all = Array.from({ length: prompts }, () => around(parts, structured))
  const mean = (of: (one: (typeof all)[number]) => number): number =>
    all.reduce((sum, one) => sum + of(one), 0) / prompts
  return { prompt: mean(({ prompt }) => prompt), answer: mean(({ answer }) => answer) }
}

const question = 'Where is my invoice?'
const told = 'It was sent to you on the first of the month.'

/** Tokens beside those of the questions and their answers. */
function around(parts: number, structured: boolean): { readonly prompt: number; readonly answer: number } {
  const prompt = combinedPrompt(
    Array.from({ length: parts }, () => question),
    structured
  )
  const { text, schema } = prompt
  const asked = countTokens(text) + (schema === undefined ? 0 : countTokens(JSON.stringify(schema)))
  const answers = answersTo(prompt)
  const said = structured
    ? JSON.stringify(Object.fromEntries(answers.map(({ id, text: own }) => [id, own])))
    : asText(answers)
  return { prompt: asked - parts * countTokens(question), answer: countTokens(said) - parts * countTokens(told) }
}

function answersTo({ ids, check }: CombinedPrompt): readonly PartAnswer[] {
  return [...ids.map((id) => ({ id, text: told })), { id: check.id, text: check.word }]
}
