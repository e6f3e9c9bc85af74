import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { startGateway } from 'reprise/gateway'
import { simulatedProvider } from 'reprise/testing'
import { ask, type Outcome } from './ask.ts'
import { progressBar } from './progress-bar.ts'
import { report } from './report.ts'
import { workload } from './workload.ts'

// The demonstration: a simulated provider that takes its time, the gateway before it, and official clients that
// ask many things more than once. No key, no account, nothing leaves this machine.

const parallel = 12
const steps = workload()
const folder = mkdtempSync(join(tmpdir(), 'reprise-demo-'))
const provider = await simulatedProvider({ delay: { firstTokenMs: 350, perTokenMs: 8 } })
const gateway = await startGateway({
  port: 0,
  store: `embedded:${folder}`,
  openaiUrl: provider.openaiUrl,
  anthropicUrl: provider.anthropicUrl
})
const openai = new OpenAI({ apiKey: 'sk-demo', baseURL: `${gateway.url}/v1` })
const anthropic = new Anthropic({ apiKey: 'sk-demo', baseURL: gateway.url })

try {
  console.log(`A simulated provider on ${provider.url}, Reprise before it on ${gateway.url}.`)
  console.log(`${steps.length} requests through the official SDKs, plain and streaming, ${parallel} at a time.\n`)
  const outcomes: Outcome[] = []
  const bar = progressBar(steps.length)
  let next = 0
  async function work(): Promise<void> {
    for (let step = steps[next++]; step !== undefined; step = steps[next++]) {
      outcomes.push(await ask({ openai, anthropic }, step))
      bar.show(outcomes.length, `${outcomes.filter(({ layer }) => layer !== 'provider').length} from the cache`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  bar.end()
  console.log(report(outcomes, provider.count()))
} finally {
  await gateway.close()
  await provider.close()
  rmSync(folder, { recursive: true, force: true })
}
