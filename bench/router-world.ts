import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listening, type Program, startProgram } from '../test/support/program.ts'
import { type TemporaryFolder, temporaryFolder } from '../test/support/temporary-folder.ts'
import type { Change, Mode, Order, Received, Staff } from './router-providers.ts'

/** The providers' process. */
export interface Providers {
  readonly ports: Readonly<Record<string, number>>
  be(provider: string, mode: Mode): Promise<void>
  /** Makes changes at their times; resolves with when each was made. */
  change(changes: readonly Change[]): Promise<readonly Change[]>
  /** What they have received since this was last asked. */
  tell(): Promise<readonly Received[]>
  end(): void
}

export async function startProviders(staff: Staff): Promise<Providers> {
  const child = fork(join(import.meta.dirname, 'router-providers.ts'), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const waiting = new Map<number, (result: unknown) => void>()
  let orders = 0
  child.on('message', ({ number, result }: { number: number; result: unknown }) => {
    waiting.get(number)?.(result)
    waiting.delete(number)
  })
  const gone = new Promise<never>((_, reject) =>
    child.once('exit', () => reject(new Error("the providers' process has ended")))
  )
  gone.catch(() => {})

  function order(what: Order): Promise<unknown> {
    const number = orders++
    const answered = new Promise((resolve) => waiting.set(number, resolve))
    child.send({ number, order: what })
    return Promise.race([answered, gone])
  }

  return {
    ports: (await order({ do: 'open', staff })) as Providers['ports'],
    be: async (provider, mode) => void (await order({ do: 'be', provider, mode })),
    change: async (changes) => (await order({ do: 'change', changes })) as readonly Change[],
    tell: async () => (await order({ do: 'tell' })) as readonly Received[],
    end: () => void child.kill('SIGKILL')
  }
}

/** A gateway as its users start it: the program itself, with a file of settings. */
export interface RunningGateway {
  readonly url: string
  readonly process: ChildProcess
  /** What it has told its operator. */
  log(): string
  end(): Promise<void>
}

/** Keys stand in the file: they are good for nothing. */
export async function startConfigured(settings: object): Promise<RunningGateway> {
  const folder: TemporaryFolder = temporaryFolder()
  const file = join(folder.path, 'reprise.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ port: 0, ...settings }))
  const program: Program = startProgram(['serve', '--config', file])
  try {
    const url = await listening(program)
    return {
      url,
      process: program.process,
      log: program.errors,
      async end() {
        program.process.kill('SIGKILL')
        await program.ended
        folder.remove()
      }
    }
  } catch (error) {
    folder.remove()
    throw error
  }
}

/** Those that speak OpenAI's dialect, and the third, which speaks Anthropic's: as `providers:` of the settings. */
export function providerSettings({ ports }: Providers): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, port]) => {
      const url = `http://127.0.0.1:${port}`
      const own = name === 'third' ? { kind: 'anthropic', url } : { url: `${url}/v1` }
      return [name, { ...own, key: `sk-${name}` }]
    })
  )
}

/** As `routes:` of the settings: two providers of the same model, and one of another. */
export function routeSettings(timeoutMs: number): readonly object[] {
  const timeout = `${timeoutMs}ms`
  const targets = [
    { provider: 'first', timeout },
    { provider: 'second', timeout },
    { provider: 'third', model: 'claude-sonnet-5', timeout }
  ]
  return [{ model: 'gpt-4o', deadline: '10s', targets }]
}
