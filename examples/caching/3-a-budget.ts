import { createCachedRouter, OverBudgetError } from 'reprise'
import { columns, simulated, usd } from './stage.ts'

// A budget. Before a call what it may cost is set aside, after it what it has cost; a call that does not fit is not
// made. A hit costs nothing, and so is answered when all is spent.

const provider = await simulated({ delay: { firstTokenMs: 20, perTokenMs: 0 } })
const router = await createCachedRouter({
  providers: [{ kind: 'openai', url: provider.openaiUrl, key: 'sk-example', model: 'gpt-4o' }],
  initialBudget: 0.01
})

const row = columns(36, 10, 10, 10)

async function ask(prompt: string): Promise<void> {
  // The less a call may answer, the less is set aside for it.
  const { cost } = await router.invoke(prompt, { temperature: 0, maxTokens: 300 })
  const { budgetSpent, budgetRemaining } = await router.stats()
  row(prompt, usd(cost), usd(budgetSpent), usd(budgetRemaining))
}

row('prompt', 'cost', 'spent', 'remaining')
const cities = ['Athens', 'Bergen', 'Cairo', 'Dakar', 'Erfurt', 'Florence', 'Ghent', 'Hanoi', 'Izmir', 'Jaipur']
try {
  for (const city of cities) await ask(`What should I see in ${city}?`)
} catch (error) {
  if (!(error instanceof OverBudgetError)) throw error
  console.log(`\n${error.message}\n`)
}
await ask('What should I see in Athens?')

const { requests, hits, misses, failures, hitRate, budgetSpent, budgetSaved } = await router.stats()
console.log(`\n${requests} requests: ${hits} from the cache, ${misses} paid for, ${failures} refused`)
console.log(`hit rate ${hitRate.toFixed(2)}, spent ${usd(budgetSpent)} of $0.01, saved ${usd(budgetSaved)}`)
console.log(`the provider was asked ${provider.count()} times`)

await router.close()
await provider.close()
