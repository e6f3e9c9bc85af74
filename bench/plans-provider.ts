import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Delay } from '../src/testing/simulated-provider.ts'
import type { WorkloadOptions } from './plans-workload.ts'

export interface PlansProviderOptions {
  /** Whose questions it understands. */
  readonly of: WorkloadOptions
  readonly delay: Delay
}

export interface PlansProvider {
  readonly url: string
  /** Forgets what it was asked. */
  reset(): void
  end(): void
}

/** A provider in a process of its own, that knows the right answer to each question of a workload. */
export async function startPlansProvider(options: PlansProviderOptions): Promise<PlansProvider> {
  const child = fork(join(import.meta.dirname, 'plans-provider-process.ts'), [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (said) => resolve(String(said)))
    child.once('exit', () => reject(new Error("the provider's process has ended")))
  })
  return {
    url,
    reset: () => void child.send('reset'),
    end: () => void child.kill('SIGKILL')
  }
}
