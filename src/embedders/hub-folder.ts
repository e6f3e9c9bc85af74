import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Agent, type Dispatcher, interceptors } from 'undici'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Progress } from './progress.ts'

export interface HubOptions {
  /** Where models are kept that were downloaded. Default: `~/.cache/reprise/models`. */
  readonly cacheFolder?: string
  /** Where models are downloaded from. Default: `https://huggingface.co`. */
  readonly endpoint?: string
  /** Is told of a download, each time a piece of a file has come. */
  readonly progress?: (progress: Progress) => void
}

const silenceMs = 30_000

/** True for what can be the name of a model on the hub: `minishlab/potion-base-8M`. */
export function isHubName(text: string): boolean {
  return /^\w[\w.-]*\/\w[\w.-]*$/.test(text) && !text.includes('..')
}

/**
 * The folder with a hub model's files, downloaded unless all of them are there. A file that is there is whole: it gets
 * its name when all of it has come. What was begun is not resumed.
 * @throws RepriseError `provider-unreachable`, or `invalid-option` when the hub has no such model
 */
export async function hubFolder(name: string, files: readonly string[], options: HubOptions = {}): Promise<string> {
  const { cacheFolder = join(homedir(), '.cache', 'reprise', 'models'), progress } = options
  const endpoint = (options.endpoint ?? 'https://huggingface.co').replace(/\/+$/, '')
  const folder = join(cacheFolder, ...name.split('/'))
  const present = await Promise.all(files.map((file) => isThere(join(folder, file))))
  if (present.every(Boolean)) return folder
  const agent = new Agent({ headersTimeout: silenceMs, bodyTimeout: silenceMs, connect: { timeout: silenceMs } })
  // The hub sends callers of large files elsewhere.
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 5 }))
  try {
    // All of them, for a model may have changed since one of them was downloaded.
    for (const file of files) {
      const url = `${endpoint}/${name}/resolve/main/${file}`
      await download(dispatcher, { name, url, file, target: join(folder, file), progress })
    }
  } finally {
    await agent.destroy()
  }
  return folder
}

interface Download {
  readonly name: string
  readonly url: string
  readonly file: string
  readonly target: string
  readonly progress: ((progress: Progress) => void) | undefined
}

async function download(dispatcher: Dispatcher, { name, url, file, target, progress }: Download): Promise<void> {
  const partial = `${target}.${randomUUID()}.partial`
  try {
    const { origin, pathname } = new URL(url)
    const response = await dispatcher.request({ origin, path: pathname, method: 'GET' })
    if (response.statusCode !== 200) {
      await response.body.dump()
      throw refused(name, url, response.statusCode)
    }
    const announced = Number(response.headers['content-length'])
    const totalBytes = Number.isSafeInteger(announced) ? { totalBytes: announced } : {}
    await mkdir(dirname(target), { recursive: true })
    await pipeline(response.body, counted, createWriteStream(partial))
    await rename(partial, target)

    async function* counted(chunks: Readable): AsyncGenerator<Uint8Array> {
      let loadedBytes = 0
      for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
        loadedBytes += chunk.length
        progress?.({ file, loadedBytes, ...totalBytes })
        yield chunk
      }
    }
  } catch (error) {
    await rm(partial, { force: true })
    if (error instanceof RepriseError) throw error
    throw new RepriseError('provider-unreachable', `${url} could not be downloaded (${messageOf(error)}); ${remedy}`, {
      cause: error
    })
  }
}

const remedy = 'without access to it, name a folder that the model has been copied to'

function refused(name: string, url: string, status: number): RepriseError {
  // The hub answers 401 for a model that is private or not there at all.
  if (status === 401 || status === 403 || status === 404) {
    const message = `expected a folder, or the name of a public model, got ${JSON.stringify(name)}: there is no such folder, and ${url} answers ${status}`
    return new RepriseError('invalid-option', message)
  }
  return new RepriseError('provider-unreachable', `${url} answers ${status}; ${remedy}`)
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false
  )
}
