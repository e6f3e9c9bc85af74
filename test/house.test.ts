import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { environmentName, type Setting, settings } from '../src/config/settings.ts'
import { errorTable } from '../src/core/errors.ts'

/** Which rooms a room may import from. Imports only fall; ports (stores, wires) do not know each other. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  stores: ['core'],
  wires: ['core'],
  guards: ['core'],
  embedders: ['core'],
  vectors: ['core'],
  layers: ['core', 'stores', 'guards', 'embedders', 'vectors'],
  plans: ['core', 'jobs'],
  proof: ['core', 'embedders', 'guards'],
  metrics: ['core', 'stores'],
  jobs: ['core', 'wires', 'doors', 'providers'],
  adapters: ['core', 'cache'],
  providers: ['core', 'wires'],
  router: ['core', 'wires', 'providers'],
  cache: ['completions', 'core', 'router', 'layers', 'metrics', 'stores', 'guards', 'embedders', 'vectors', 'wires'],
  'cached-router': ['cache', 'completions', 'core', 'metrics', 'router'],
  doors: ['core', 'providers', 'wires'],
  completions: ['core', 'doors', 'router', 'wires'],
  gateway: ['core', 'cache', 'doors', 'jobs', 'layers', 'metrics', 'providers', 'router', 'stores', 'wires'],
  config: ['core', 'gateway', 'embedders', 'guards', 'metrics', 'router'],
  cli: [
    'core',
    'config',
    'embedders',
    'gateway',
    'guards',
    'jobs',
    'metrics',
    'plans',
    'proof',
    'providers',
    'stores',
    'wires'
  ],
  testing: ['core', 'stores', 'embedders', 'vectors'],
  index: [
    'adapters',
    'cache',
    'cached-router',
    'completions',
    'core',
    'embedders',
    'guards',
    'layers',
    'metrics',
    'plans',
    'providers',
    'router',
    'stores',
    'vectors',
    'wires'
  ]
}

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const production = files.filter((file) => !file.endsWith('.test.ts'))

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The files that a file imports, within the source; imports of types count like others. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) =>
    normalize(join(dirname(file), path ?? ''))
  )
}

function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '')
}

describe('the house', () => {
  it('knows all its rooms', () => {
    expect([...new Set(production.map(roomOf))].filter((room) => !(room in mayImport))).toEqual([])
  })

  it('lets imports only fall', () => {
    const rising = production.flatMap((file) =>
      importsOf(file)
        .filter((target) => roomOf(target) !== roomOf(file) && !mayImport[roomOf(file)]?.includes(roomOf(target)))
        .map((target) => `${file} -> ${target}`)
    )
    expect(rising).toEqual([])
  })

  it('has no circle of imports', () => {
    const done = new Set<string>()
    const circles: string[] = []
    function visit(file: string, path: readonly string[]): void {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (done.has(file) || path.includes(file)) return
      for (const target of importsOf(file)) visit(target, [...path, file])
      done.add(file)
    }
    for (const file of production) visit(file, [])
    expect(circles).toEqual([])
  })

  it('has no file that is too long to read', () => {
    const long = production.filter((file) => readFileSync(join(source, file), 'utf8').split('\n').length > 320)
    expect(long).toEqual([])
  })

  it('never tells the types or the linter to look away', () => {
    const away = files.filter((file) =>
      /@ts-(ignore|expect-error|nocheck)|biome-ignore|\bas any\b|: any\b/.test(readFileSync(join(source, file), 'utf8'))
    )
    expect(away).toEqual([])
  })

  it('reads the environment in the config room and the command line only', () => {
    const readers = production.filter((file) => readFileSync(join(source, file), 'utf8').includes('process.env'))
    expect(readers.filter((file) => !['config', 'cli'].includes(roomOf(file)))).toEqual([])
  })
})

describe('the documentation', () => {
  it('lists every error code with its status, and no other', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| `([\w-]+)` \| (\d+) \| (yes|no) \|/gm)]
    const documented = Object.fromEntries(
      rows.map(([, code, status, retryable]) => [code, { status: Number(status), retryable: retryable === 'yes' }])
    )
    expect(documented).toEqual(errorTable)
  })

  it('lists every setting with its environment variable, and no other', () => {
    const rows = [...read('docs/configuration.md').matchAll(/^\| `([\w-]+)` \| `(\w+)` \| (yes|no) \|/gm)]
    const documented = rows.map(([, name, variable, flag]) => ({ name, variable, flag: flag === 'yes' }))
    const known = Object.entries<Setting>(settings).map(([name, { secret, structured }]) => ({
      name,
      variable: environmentName(name),
      flag: secret !== true && structured !== true
    }))
    expect(documented).toEqual(known)
  })

  it('links only to files that exist', () => {
    const pages = [
      'README.md',
      'CONTRIBUTING.md',
      ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.md'))
        .map((file) => join('docs', file))
    ]
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target]) => relative(root, join(root, dirname(page), target ?? '')))
        .filter((target) => {
          try {
            readFileSync(join(root, target))
            return false
          } catch (error) {
            return (error as NodeJS.ErrnoException).code === 'ENOENT'
          }
        })
        .map((target) => `${page} -> ${target}`)
    )
    expect(broken).toEqual([])
  })
})
