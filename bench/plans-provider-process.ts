import { simulatedProvider } from '../src/testing/simulated-provider.ts'
import { batchingModel } from '../test/support/batching-model.ts'
import { planModel } from './plans-model.ts'
import type { PlansProviderOptions } from './plans-provider.ts'
import { workload } from './plans-workload.ts'

/** The provider's own process: it is not to take turns with the cache that is measured. */
const { of, delay } = JSON.parse(process.argv[2] ?? '') as PlansProviderOptions
const model = planModel(workload(of))
const provider = await simulatedProvider({
  delay,
  answer: (question) => batchingModel((text) => model.answer(lastLine(text), question.body))(question)
})
process.on('message', () => provider.reset())
process.on('disconnect', () => process.exit())
process.send?.(provider.openaiUrl)

/** The question, without what it goes by. */
function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1)
}
