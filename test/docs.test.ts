import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadSettings } from '../src/config/load.ts'
import { makeStand, type Stand } from './support/gateway.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file))
]

/** The code blocks of all pages in one language. */
function blocks(language: string): { page: string; code: string }[] {
  return pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
      ([, code = '']) => ({ page, code })
    )
  )
}

// Within the project, so that `reprise` and the SDKs are found as a user's code finds them.
const folder = join(root, '.tmp', 'docs')
let stand: Stand

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  stand = await makeStand()
})

afterAll(async () => {
  await stand.close()
  rmSync(folder, { recursive: true, force: true })
})

function here(code: string): string {
  return code.replaceAll('http://127.0.0.1:4141', stand.gateway.url)
}

describe('the code in README and docs', () => {
  it('is right in its types', async () => {
    for (const [index, { code }] of blocks('ts').entries()) writeFileSync(join(folder, `block-${index}.ts`), code)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }))
    const { stdout } = await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder]).catch(
      (error: { stdout: string }) => error
    )
    expect(stdout).toBe('')
  })

  it.each(blocks('ts').map(({ page, code }, index) => ({ page, code, index })))(
    'runs: $page, block $index',
    async ({ code, index }) => {
      const file = join(folder, `run-${index}.ts`)
      writeFileSync(file, here(code))
      const { stdout } = await run(process.execPath, ['--import', 'tsx', file], {
        cwd: root,
        env: { ...process.env, OPENAI_API_KEY: 'sk-docs', ANTHROPIC_API_KEY: 'sk-docs' }
      })
      expect(stdout.trim()).not.toBe('')
    }
  )

  it('answers the second curl of the README from the cache, as the README shows', async () => {
    const [block] = blocks('sh').filter(({ code }) => code.includes('curl -'))
    const ask = async (): Promise<string> =>
      (
        await run('sh', ['-c', here(block?.code ?? '')], { env: { ...process.env, OPENAI_API_KEY: 'sk-curl' } })
      ).stdout.trim()
    const shown = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^ {4}(cache-status: .*)$/gm)].map(
      ([, line = '']) => line
    )
    expect(shown).toHaveLength(2)
    const digits = (text: string): string => text.replace(/\d+/g, 'N')
    expect(digits(await ask())).toBe(digits(shown[0] ?? ''))
    expect(digits(await ask())).toBe(digits(shown[1] ?? ''))
  })

  it('names only scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const named = ['README.md', 'CONTRIBUTING.md', ...pages].flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/npm (?:run )?(start|test|demo|example|bench|check)\b/g)].map(
        ([, name = '']) => name
      )
    )
    expect(named.filter((name) => !(name in scripts))).toEqual([])
    expect(named).toContain('start')
  })

  it.each(blocks('yaml'))('reads the settings in $page', ({ code }) => {
    const file = join(folder, 'settings.yaml')
    writeFileSync(file, code)
    expect(Object.keys(loadSettings(['--config', file], {})).length).toBeGreaterThan(0)
  })
})
