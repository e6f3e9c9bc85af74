import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { listening, startProgram } from '../test/support/program.ts'
import type { Load, LoadResult } from './load.ts'

const rounds = 5
const seconds = 1.5

/**
 * Hits per second of the gateway beside a raw node:http server that returns a constant body, and what a miss costs
 * beside a bare proxy. All in the same run, turn by turn, the servers on one core and the load on another; the median
 * of the rounds is printed. On a shared machine only the ratios mean anything.
 */
export async function benchGateway(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-bench-'))
  const started: ChildProcess[] = []
  async function start(
    file: string,
    core: number,
    ...args: string[]
  ): Promise<{ port: number; process: ChildProcess }> {
    const child = fork(join(import.meta.dirname, file), args, {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    started.push(child)
    pin(child, core)
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve(Number(message)))
      child.once('exit', () => reject(new Error(`${file} ended before it listened`)))
    })
    return { port, process: child }
  }
  /** The program itself, as its users start it. */
  async function startGateway(store: string): Promise<{ port: number }> {
    const program = startProgram(['serve', '--port', '0', '--store', store, '--openai-url', `${address}/v1`])
    started.push(program.process)
    pin(program.process, 0)
    return { port: Number(new URL(await listening(program)).port) }
  }
  let address = ''
  try {
    const provider = await start('peers.ts', 0, 'provider')
    address = `http://127.0.0.1:${provider.port}`
    const constant = await start('peers.ts', 0, 'constant')
    const proxy = await start('peers.ts', 0, 'proxy', address)
    const memory = await startGateway('memory:')
    const embedded = await startGateway(`embedded:${folder}`)
    const generator = fork(join(import.meta.dirname, 'load.ts'), {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    started.push(generator)
    pin(generator, 1)
    generator.setMaxListeners(0)
    const load = (port: number, rest: Omit<Load, 'port' | 'seconds'>, length = seconds): Promise<LoadResult> =>
      new Promise((resolve, reject) => {
        generator.once('message', (result) => resolve(result as LoadResult))
        generator.once('exit', () => reject(new Error('the load generator ended')))
        generator.send({ port, seconds: length, ...rest })
      })

    console.log(`hits: 2 KB request, 1.5 KB answer; median of ${rounds} rounds of ${seconds} s each, in turn\n`)
    console.log(row(['store', 'keys', 'connections', 'raw/s', 'hits/s', 'ratio', 'raw p50', 'p50', 'raw p99', 'p99']))
    const stores = { memory: memory.port, embedded: embedded.port }
    for (const keys of [1, 1000]) {
      await load(constant.port, { connections: 16, keys }, 2)
      // Until each key has been asked for once, however slow the machine is.
      for (const port of Object.values(stores)) {
        for (let hits = 0, requests = 1, tries = 0; hits < requests && tries < 10; tries++) {
          const primed = await load(port, { connections: 16, keys }, 2)
          hits = primed.hits
          requests = primed.requests
        }
      }
      for (const connections of [1, 16, 64]) {
        const results: Record<string, LoadResult[]> = { raw: [], memory: [], embedded: [] }
        for (let round = 0; round < rounds; round++) {
          results['raw']?.push(await load(constant.port, { connections, keys }))
          for (const [store, port] of Object.entries(stores))
            results[store]?.push(await load(port, { connections, keys }))
        }
        for (const store of Object.keys(stores)) {
          const hits = results[store] ?? []
          const raw = results['raw'] ?? []
          mustHaveHit(hits)
          const ratio = median(hits.map(({ perSecond }, round) => perSecond / (raw[round]?.perSecond ?? Number.NaN)))
          console.log(
            row([
              store,
              keys,
              connections,
              Math.round(median(raw.map(({ perSecond }) => perSecond))),
              Math.round(median(hits.map(({ perSecond }) => perSecond))),
              ratio.toFixed(2),
              ...[raw, hits].map((runs) => ms(median(runs.map(({ p50Ms }) => p50Ms)))),
              ...[raw, hits].map((runs) => ms(median(runs.map(({ p99Ms }) => p99Ms))))
            ])
          )
        }
      }
    }

    console.log('\nmisses: every request new, a provider that answers at once\n')
    console.log(
      row(['store', '', 'connections', 'proxy/s', 'misses/s', 'ratio', 'proxy p50', 'p50', 'added p50', 'added p99'])
    )
    for (const port of [proxy.port, ...Object.values(stores)]) await load(port, { connections: 16, keys: 0 }, 2)
    for (const connections of [1, 16]) {
      const results: Record<string, LoadResult[]> = { proxy: [], memory: [], embedded: [] }
      for (let round = 0; round < rounds; round++) {
        for (const [name, port] of Object.entries({ proxy: proxy.port, ...stores }))
          results[name]?.push(await load(port, { connections, keys: 0 }))
      }
      const bare = results['proxy'] ?? []
      for (const store of Object.keys(stores)) {
        const misses = results[store] ?? []
        const added = (of: (result: LoadResult) => number): number =>
          median(misses.map((result, round) => of(result) - of(bare[round] ?? result)))
        console.log(
          row([
            store,
            '',
            connections,
            Math.round(median(bare.map(({ perSecond }) => perSecond))),
            Math.round(median(misses.map(({ perSecond }) => perSecond))),
            median(misses.map(({ perSecond }, round) => perSecond / (bare[round]?.perSecond ?? Number.NaN))).toFixed(2),
            ms(median(bare.map(({ p50Ms }) => p50Ms))),
            ms(median(misses.map(({ p50Ms }) => p50Ms))),
            ms(added(({ p50Ms }) => p50Ms)),
            ms(added(({ p99Ms }) => p99Ms))
          ])
        )
      }
    }
  } finally {
    for (const child of started) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Pins a process to a core, where the system can. */
function pin({ pid }: ChildProcess, core: number): void {
  if (pid === undefined || availableParallelism() < 2) return
  try {
    execFileSync('taskset', ['-a', '-cp', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    console.warn('taskset is not to be had: load and server share the cores as they like')
  }
}

function mustHaveHit(results: readonly LoadResult[]): void {
  const wrong = results.find(({ failed, hits, requests }) => failed > 0 || hits !== requests)
  if (wrong !== undefined) throw new Error(`not all were hits: ${JSON.stringify(wrong)}`)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function ms(value: number): string {
  return `${value.toFixed(3)} ms`
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell, index) => String(cell).padStart(index === 0 ? 9 : 11)).join('  ')
}
