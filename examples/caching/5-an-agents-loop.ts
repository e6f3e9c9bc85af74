import { createCachedRouter, retriever } from 'reprise'
import { columns, simulated, usd } from './stage.ts'

// An agent's loop: search, ask, go on. Both steps are cached, searches and answers alike; what belongs to one run is
// tagged, and goes together; and when a document changes, what was found in it goes.

const handbook = new Map([
  ['holidays', 'Everybody has thirty days of holidays a year.'],
  ['notice', 'The period of notice is three months.'],
  ['travel', 'Travel is booked by train where that takes less than six hours.']
])
const steps = ['How many holidays do I have?', 'How long is my notice?', 'How do I book my travel?']

const provider = await simulated({ delay: { firstTokenMs: 50, perTokenMs: 0 } })
const router = await createCachedRouter({
  providers: [{ kind: 'openai', url: provider.openaiUrl, key: 'sk-example', model: 'gpt-4o-mini' }],
  initialBudget: 1
})

let searches = 0
/** Stands for a vector database. */
async function search(query: string): Promise<{ id: string; text: string }[]> {
  searches += 1
  return [...handbook].filter(([id]) => query.includes(id)).map(([id, text]) => ({ id, text }))
}
const retrieve = retriever(router.cache, search, { collection: 'handbook' })

const row = columns(6, 30, 10, 10)

async function work(run: string): Promise<void> {
  for (const step of steps) {
    const found = await retrieve(step, { tags: [run] })
    const system = `Answer from these passages alone: ${found.documents.map(({ text }) => text).join(' ')}`
    const { cached, cost } = await router.invoke(step, { system, temperature: 0, tags: [run] })
    row(run, step, found.cacheHit ? 'cached' : 'made', cached ? 'cached' : 'asked', usd(cost))
  }
}

row('run', 'step', 'search', 'model', 'cost')
await work('run:1')
await work('run:2')

handbook.set('notice', 'The period of notice is one month.')
const changed = await router.cache.invalidate({ tag: 'document:notice' })
console.log(`\nthe passage on notice has changed: ${changed} search forgotten\n`)
await work('run:3')

const forgotten = await router.cache.invalidate({ tag: 'run:1' })
console.log(`\nrun:1 was a mistake: ${forgotten} searches and answers forgotten\n`)
await work('run:4')

const { requests, hits, hitRate, budgetSpent, budgetSaved } = await router.stats()
console.log(
  `\n${requests} prompts, ${hits} from the cache (${(100 * hitRate).toFixed(0)} %); ${searches} of 12 searches made`
)
console.log(`spent ${usd(budgetSpent)}, saved ${usd(budgetSaved)}`)

await router.close()
await provider.close()
