import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulated } from '../caching/stage.ts'

// A plan, run three times: all is asked, nothing is, and what depends on a line that has changed.

const plan = join(import.meta.dirname, 'plan.yaml')
const program = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const folder = mkdtempSync(join(tmpdir(), 'reprise-example-'))
const provider = await simulated()

/** `reprise run`, with results of its own: what it is not asked for comes from the cache. */
async function run(name: string, ...flags: readonly string[]): Promise<void> {
  const results = join(folder, `${name}.jsonl`)
  const before = provider.count()
  const child = spawn(process.execPath, [program, 'run', plan, '--results', results, ...flags], {
    stdio: 'inherit',
    env: {
      ...process.env,
      OPENAI_API_KEY: 'sk-example',
      REPRISE_OPENAI_URL: provider.openaiUrl,
      REPRISE_STORE: `embedded:${join(folder, 'store')}`,
      REPRISE_DEADLINE: '10s'
    }
  })
  const [exitCode] = (await once(child, 'close')) as [number | null]
  if (exitCode !== 0) process.exitCode = 1
  console.log(`the provider was asked ${provider.count() - before} times\n`)
}

try {
  await run('picture', '--dry-run')
  await run('first')
  await run('again')
  await run('next', '--var', 'version=2.1')
} finally {
  await provider.close()
  rmSync(folder, { recursive: true, force: true })
}
