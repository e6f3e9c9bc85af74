import { setTimeout as wait } from 'node:timers/promises'
import { AllProvidersFailedError, createCachedRouter, type Event } from 'reprise'
import { columns, simulated } from './stage.ts'

// Providers fail. The same one is asked again when it says when; another one stands in for it, in its own dialect; and
// when nobody answers, an older answer is better than none.

const openai = await simulated({ delay: { firstTokenMs: 0, perTokenMs: 0 } })
const anthropic = await simulated({ delay: { firstTokenMs: 0, perTokenMs: 0 } })
const row = columns(10, 36)

function tell(event: Event): void {
  if (event.type === 'retried') row('  again', event.target, event.reason.split(':')[0] ?? '')
  if (event.type === 'fell-back') row('  instead', event.to, `since ${event.from} ${event.reason.split(':')[0]}`)
}

const router = await createCachedRouter({
  providers: [
    { kind: 'openai', url: openai.openaiUrl, key: 'sk-one', model: 'gpt-4o-mini' },
    { kind: 'anthropic', url: anthropic.anthropicUrl, key: 'sk-two', model: 'claude-haiku-4-5' }
  ],
  retry: { attempts: 1 },
  graceMs: 60_000,
  observe: tell
})

async function ask(what: string, prompt: string, ttlMs = 60_000): Promise<void> {
  console.log(what)
  const { origin, provider, model } = await router.invoke(prompt, { ttlMs })
  const marks = [origin.fallback ? 'fallback' : '', origin.stale ? 'stale' : ''].join(' ').trim()
  row('  answer', `${provider}/${model}`, `${origin.layer} ${marks}`)
}

openai.fail({ status: 429, headers: { 'retry-after': '1' } })
await ask('busy, and says when to come back', 'What is a retry?')

openai.fail({ status: 503 }, { status: 503 })
await ask('down: a chat completion becomes a message, and its answer a chat completion', 'What is a fallback?')

await ask('both are up; the answer is fresh for a moment', 'What is grace?', 1)
await wait(10)
openai.fail({ every: { status: 500 } })
anthropic.fail({ every: { status: 529 } })
await ask('all are down, and the answer is past its time', 'What is grace?')

try {
  await ask('all are down, and there is nothing', 'What is despair?')
} catch (error) {
  if (!(error instanceof AllProvidersFailedError)) throw error
  row('  error', error.code, `worth another try later: ${error.retryable}`)
  for (const { target, reason } of error.failures) row('  because', target, reason)
}

await router.close()
await Promise.all([openai.close(), anthropic.close()])
