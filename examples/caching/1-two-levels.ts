import { createCachedRouter } from 'reprise'
import { columns, simulated, timed, usd } from './stage.ts'

// Two levels. A prompt that was asked before is found by its key, in well under a millisecond. One that means the same
// is found by its vector: that takes one call to the embedding model, and none to the language model.

const provider = await simulated()
const router = await createCachedRouter({
  providers: [{ kind: 'openai', url: provider.openaiUrl, key: 'sk-example', model: 'gpt-4o-mini' }],
  embedder: 'openai:text-embedding-3-small',
  embedding: { openaiUrl: provider.openaiUrl, openaiKey: 'sk-example' },
  minSimilarity: 0.9
})

const prompts = [
  'How do I reset my password?',
  'How do I reset my password?',
  'How can I reset my password?',
  'How do I reset my router?'
]
const row = columns(30, 8, 10, 10)
row('prompt', 'layer', 'similar', 'took', 'cost')
for (const prompt of prompts) {
  const [{ origin, cost }, took] = await timed(router.invoke(prompt, { temperature: 0 }))
  const { layer, similarity, savedUsd } = origin
  const saved = savedUsd === undefined ? '' : `, saved ${usd(savedUsd)}`
  row(prompt, layer, similarity?.toFixed(3) ?? '', took, usd(cost) + saved)
}

const { hitRate, semanticHitRate, budgetSpent, budgetSaved } = await router.stats()
console.log(`\nhit rate ${hitRate.toFixed(2)}, by meaning ${semanticHitRate.toFixed(2)}`)
console.log(`spent ${usd(budgetSpent)}, saved ${usd(budgetSaved)}`)
console.log(`calls to the model ${provider.count('chat')}, to the embedding model ${provider.count('embeddings')}`)

await router.close()
await provider.close()
