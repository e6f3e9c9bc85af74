import { prompts, type Request } from './prompts.ts'

/** One request at its place in the workload. */
export type Step = Request & { readonly stream: boolean }

const steps = 240
const streamed = 0.45

/**
 * A day of an application in 240 requests, about 65 % of which repeat an earlier one, plain or streaming: some questions
 * are asked all the time and most of them rarely, and a question in other words comes after its first wording.
 * The same seed gives the same day. Default: 1.
 */
export function workload(seed = 1): readonly Step[] {
  const random = numbersFrom(seed)
  const coming = inOrder(random)
  const seen: Request[] = []
  const day: Step[] = []
  while (day.length < steps) {
    const left = steps - day.length
    // Such that all come by: as many of the steps that are left as there are requests still to come.
    const fresh = seen.length === 0 || random() * left < coming.length
    const request = fresh ? coming.shift() : favourite(seen, random)
    if (request === undefined) throw new RangeError('expected a request')
    if (fresh) seen.push(request)
    day.push({ ...request, stream: request.endpoint !== 'embeddings' && random() < streamed })
  }
  return day
}

/** All requests in the order in which they are met first. */
function inOrder(random: () => number): Request[] {
  const firsts = shuffled(prompts, random)
  const order: Request[] = []
  const later: Request[] = []
  for (const prompt of firsts) {
    order.push(prompt.request)
    later.push(...prompt.rephrased)
    // Other wordings come from the middle of the day on, between the questions that are still new.
    const due = order.length > firsts.length / 2 ? later.shift() : undefined
    if (due !== undefined) order.push(due)
  }
  return [...order, ...later]
}

/** One of what was asked before: the earlier it came up, the likelier it is a favourite. */
function favourite(seen: readonly Request[], random: () => number): Request | undefined {
  return seen[Math.floor(seen.length * random() ** 2)]
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const places = items.map((item) => ({ item, place: random() }))
  return places.sort((left, right) => left.place - right.place).map(({ item }) => item)
}

/** Numbers in [0, 1) that follow from the seed (a 32-bit generator after Weyl, mixed by two multiplications). */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}
