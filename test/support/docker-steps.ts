import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, renameSync, statSync, symlinkSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { environmentOf, type Stage } from './dockerfile.ts'

const run = promisify(execFile)

export interface Built {
  /** Where `/` of the last stage lies. */
  readonly root: string
  readonly workdir: string
  /** What the image sets, with its folders where they lie here. */
  readonly environment: Readonly<Record<string, string>>
  /** The same path within the last stage as it lies here. */
  here(path: string): string
}

export interface StepsOptions {
  /** Of the build: what COPY takes from. */
  readonly context: string
  readonly isIgnored: (path: string) => boolean
  /** Where a folder per stage is made. */
  readonly folder: string
  /** The folder that is taken instead of what a RUN would install, where it is there already. */
  readonly installed: Readonly<Record<string, string>>
}

/**
 * Takes a Dockerfile's steps without Docker: a folder stands for each stage, this machine's Node for the image's. Users
 * and owners are left out.
 */
export async function takeSteps(stages: readonly Stage[], options: StepsOptions): Promise<Built> {
  const roots = new Map<string, string>()
  let built: Built | undefined
  for (const stage of stages) {
    const root = join(options.folder, stage.name)
    roots.set(stage.name, root)
    built = await takeStage(stage, root, roots, options)
  }
  if (built === undefined) throw new Error('there is no stage')
  return built
}

async function takeStage(
  stage: Stage,
  root: string,
  roots: ReadonlyMap<string, string>,
  { context, isIgnored, installed }: StepsOptions
): Promise<Built> {
  let workdir = root
  const within = (path: string): string => (path.startsWith('/') ? join(root, path) : resolve(workdir, path))

  function copyOne(source: string, target: string, isIntoFolder: boolean, from: string | undefined): void {
    const origin = from === undefined ? resolve(context, source) : join(roots.get(from) ?? '', source)
    if (!existsSync(origin)) throw new Error(`COPY ${source}: there is none`)
    if (from !== undefined) {
      // Thousands of files, and nobody looks for them again where they were.
      renameSync(origin, target)
      return
    }
    // The content of a folder, a file itself.
    const goal = isIntoFolder && !statSync(origin).isDirectory() ? join(target, basename(source)) : target
    const wanted = (path: string): boolean => !isIgnored(relative(context, path))
    if (!wanted(origin)) throw new Error(`COPY ${source}: .dockerignore leaves it out`)
    cpSync(origin, goal, { recursive: true, filter: wanted })
  }

  for (const { name, flags, rest } of stage.instructions) {
    if (name === 'WORKDIR') {
      workdir = within(rest)
      mkdirSync(workdir, { recursive: true })
    } else if (name === 'COPY') {
      const paths = rest.split(/\s+/)
      const target = paths.pop() ?? ''
      for (const path of paths) copyOne(path, within(target), /\/$/.test(target), flags['from'])
    } else if (name === 'RUN') {
      const folder = /^install -d .*?(\/\S+)$/.exec(rest)?.[1]
      const ready = installed[rest]
      if (folder !== undefined) mkdirSync(within(folder), { recursive: true })
      else if (ready !== undefined) symlinkSync(ready, join(workdir, basename(ready)))
      else await runStep(rest, workdir)
    }
  }
  const here = (path: string): string => join(root, path)
  const environment = Object.fromEntries(
    Object.entries(environmentOf(stage)).map(([name, value]) => [
      name,
      value.replace(/(^|:)(\/.*)$/, (_, before, path) => `${before}${here(path)}`)
    ])
  )
  return { root, workdir, environment, here }
}

async function runStep(command: string, workdir: string): Promise<void> {
  try {
    await run('sh', ['-e', '-c', command], { cwd: workdir, env: { ...process.env, NODE_ENV: '' } })
  } catch (error) {
    // A compiler says what is wrong where its result goes.
    const said = error instanceof Error && 'stdout' in error ? `: ${String(error.stdout)}` : ''
    throw new Error(`RUN ${command} has failed${said}`, { cause: error })
  }
}
