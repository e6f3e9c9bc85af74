import { between, oneOf, type Random, shuffled } from './seeded.ts'
import { countTokens } from './tokens.ts'

// {topic} is a word or two of the question; {thing}, {trait} and {act} are drawn from the lists below.
const openings = [
  'Short answer first: {topic} is mostly a question of {thing}, and the rest follows from it.',
  'Let us take {topic} apart, because two different problems hide behind the same symptom.',
  'Good question — {topic} looks simple until {thing} comes into play.',
  'Here is how I would approach {topic}, step by step.',
  'There are two ways to handle {topic}: the {trait} one, and the one you will not regret.'
]

const sentences = [
  'Start with {thing}: if it is not {trait}, nothing built upon it will be.',
  'I would {act} before changing anything else, so that you can tell cause from coincidence.',
  'Keep {thing} separate from {thing}; they change for different reasons and at different times.',
  'In practice the first version is {trait} enough, and you can {act} once the numbers ask for it.',
  'A naïve solution works on a quiet afternoon and fails on the first busy morning.',
  'If you measure {topic} today, write the figure down — in a month nobody will remember it.',
  'Watch out for {thing}, which is where most of these attempts quietly go wrong.',
  'The {trait} option costs a little more now, but it spares you a migration later.',
  'Whoever maintains this next will be grateful if you {act} and leave a note about why.',
  'As a rule of thumb, anything that takes longer than a café break deserves a progress report.',
  'That also means you can drop {thing} altogether when it no longer earns its keep.',
  'When in doubt, prefer the {trait} path and make the other one possible.',
  'You will want to {act} in a staging environment first, with data of realistic size.',
  'Most teams settle on {thing} here, and then add {thing} when traffic grows.',
  'None of this is specific to {topic}; it holds wherever two systems must agree.',
  'Set a limit, log what exceeds it, and revisit the limit after a week.',
  'It helps to say out loud what must never happen, and to test exactly that.',
  'With a small change — say, ten lines — you can {act} and see the effect at once.',
  'Remember that clocks differ: 30 s on one machine may be 31 s on another.',
  'If the result surprises you, trust the measurement and distrust the assumption.',
  'Finally, {act}; otherwise the same question will come back next quarter.',
  'The documentation calls this “eventual”, which is a polite word for “not yet”.',
  'Be careful with retries: without a budget they turn a hiccup into an outage.',
  'For most users the difference is invisible; for the largest one it is everything.'
]

const things = [
  'the connection pool',
  'the schema',
  'the deployment order',
  'input validation',
  'the retry policy',
  'the index',
  'the rollout plan',
  'the error budget',
  'the access policy',
  'the message queue',
  'the build cache',
  'pagination'
]
const traits = ['boring', 'explicit', 'idempotent', 'reversible', 'well-tested', 'observable', 'simple', 'robust']
const acts = [
  'write a failing test',
  'add a timeout',
  'pin the version',
  'profile the hot path',
  'name the owner',
  'turn on tracing',
  'compare both results',
  'split the transaction',
  'agree on a contract',
  'remove the special case'
]

const dull = new Set(
  'about above after again also because been before being between both could does doing down each from further have having here into just like make more most need only other over please same should some such than that their them then there these they this those through tool under until using very want what when where which while will with would write your'.split(
    ' '
  )
)

/** About `tokens` tokens of readable text on the topic of a question, always the same for the same random. */
export function prose(question: string, random: Random, tokens = between(random, 60, 210)): string {
  const topic = topicOf(question)
  const fill = (sentence: string) =>
    sentence
      .replaceAll('{topic}', topic)
      .replace(/\{thing\}/g, () => oneOf(random, things))
      .replace(/\{trait\}/g, () => oneOf(random, traits))
      .replace(/\{act\}/g, () => oneOf(random, acts))
  const parts = [capitalised(fill(oneOf(random, openings)))]
  let length = countTokens(parts.join(' '))
  for (const sentence of shuffled(random, sentences)) {
    if (length >= tokens) break
    const next = capitalised(fill(sentence))
    parts.push(next)
    length += countTokens(next)
  }
  return paragraphs(parts, random)
}

function paragraphs(parts: readonly string[], random: Random): string {
  let text = ''
  for (const [index, part] of parts.entries()) {
    const gap = index === 0 ? '' : index > 1 && random() < 0.25 ? '\n\n' : ' '
    text += gap + part
  }
  return text
}

/** The last two words of the question that say what it is about, in quotes. */
function topicOf(question: string): string {
  const words = question.toLowerCase().match(/\p{L}{4,}/gu) ?? []
  const telling = words.filter((word) => !dull.has(word))
  return telling.length === 0 ? 'this' : `“${telling.slice(-2).join(' ')}”`
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}
