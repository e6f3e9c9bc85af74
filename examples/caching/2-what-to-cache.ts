import { createCache, createRouter } from 'reprise'
import { columns, simulated } from './stage.ts'

// Deciding what to cache. Whoever turns the temperature up wants another answer each time; another model gives another
// answer; and some answers are not worth keeping for long, or at all.

const provider = await simulated({ delay: { firstTokenMs: 0, perTokenMs: 0 } })
const router = createRouter({ providers: { openai: { url: provider.openaiUrl, key: 'sk-example' } } })
const cache = await createCache({ ttl: { default: '24h', models: { 'gpt-4o': '1h' } } })
const completions = cache.completions(router, { maxTemperature: 0.7 })

interface Call {
  readonly model?: string
  readonly temperature?: number
  /** How long this answer stays fresh. */
  readonly ttlMs?: number
}

const row = columns(40, 10, 10)

/** Asks twice, and shows the second time. */
async function askTwice(what: string, { model = 'gpt-4o-mini', temperature = 0.2, ttlMs }: Call): Promise<void> {
  const body = { model, temperature, messages: [{ role: 'user', content: 'Suggest a name for a black cat.' }] }
  const options = ttlMs === undefined ? {} : { ttlMs }
  const first = await completions.chat(body, options)
  const second = await completions.chat(body, options)
  const { layer, bypass, freshForMs = 0 } = second.origin
  const freshFor = `fresh for ${Math.ceil(freshForMs / 60_000)} min`
  row(what, first.origin.layer, layer, second.cacheHit ? freshFor : `not kept${bypass ? `: ${bypass}` : ''}`)
}

row('request', 'first', 'second')
await askTwice('temperature 0.2', {})
await askTwice('temperature 0.7', { temperature: 0.7 })
await askTwice('temperature 1, above maxTemperature', { temperature: 1 })
await askTwice('another model, with a ttl of its own', { model: 'gpt-4o' })
await askTwice('a ttl for this call: 5 minutes', { temperature: 0.3, ttlMs: 5 * 60_000 })
await askTwice('a ttl for this call: none', { temperature: 0.4, ttlMs: 0 })
console.log(`\n12 requests, ${provider.count()} calls to the provider`)

await cache.close()
await router.close()
await provider.close()
