import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'dashboard')
const built = join(root, 'dist/dashboard')
/** Is there while somebody builds: files of tests run at the same time. */
const lock = join(root, 'dist/.building-dashboard')
const longestMs = 60_000

/** The folder of the built dashboard; it is built first when it is missing or older than its source. */
export async function builtDashboard(): Promise<string> {
  while (isOld() || existsSync(lock)) {
    if (take()) {
      try {
        if (isOld()) await build()
      } finally {
        rmdirSync(lock)
      }
    } else await delay(100)
  }
  return built
}

function isOld(): boolean {
  const madeMs = statSync(join(built, 'index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).map((file) => join(source, file))
  return files.some((file) => statSync(file).mtimeMs > madeMs)
}

/** True when nobody else builds; whoever has died while building is not waited for. */
function take(): boolean {
  mkdirSync(join(root, 'dist'), { recursive: true })
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
  if (since !== undefined && Date.now() - since > longestMs) rmdirSync(lock)
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function build(): Promise<void> {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const config = join(source, 'vite.config.ts')
  // Among tests NODE_ENV says so, and the bundle would not be the one that is published.
  const env = { ...process.env, NODE_ENV: 'production' }
  await promisify(execFile)(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'warn'], { env })
}
