import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { spellingModel } from '../../test/support/static-model.ts'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import { hubFolder, isHubName } from './hub-folder.ts'
import type { Progress } from './progress.ts'
import { staticEmbedder } from './static.ts'

const temporary = temporaryFolder()
const source = join(temporary.path, 'source')
const files = ['tokenizer.json', 'model.safetensors']
let hub: Server
let endpoint: string
let asked: string[] = []
let answer: (request: IncomingMessage, response: ServerResponse) => void
let folders = 0

/** As the hub does: small files from here, large ones from elsewhere. */
function give({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const file = url.split('/').at(-1) ?? ''
  if (!url.startsWith('/maker/model/resolve/main/') && !url.startsWith('/elsewhere/')) response.writeHead(404).end()
  else if (file === 'model.safetensors' && !url.startsWith('/elsewhere/'))
    response.writeHead(302, { location: `/elsewhere/${file}` }).end()
  else response.end(readFileSync(join(source, file)))
}

beforeAll(async () => {
  spellingModel(source)
  hub = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => hub.once('listening', resolve))
  endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`
})
afterEach(() => {
  asked = []
})
afterAll(() => {
  hub.closeAllConnections()
  hub.close()
  temporary.remove()
})

function cacheFolder(): string {
  answer = give
  return join(temporary.path, `cache-${folders++}`)
}

describe('hubFolder', () => {
  it('downloads a model once, and says how far it has come', async () => {
    const options = { endpoint, cacheFolder: cacheFolder() }
    const told: Progress[] = []
    const folder = await hubFolder('maker/model', files, { ...options, progress: (progress) => told.push(progress) })
    expect(folder).toBe(join(options.cacheFolder, 'maker', 'model'))
    expect(readdirSync(folder).sort()).toEqual([...files].sort())
    for (const file of files) {
      expect(readFileSync(join(folder, file))).toEqual(readFileSync(join(source, file)))
      const size = readFileSync(join(source, file)).length
      expect(told.filter((progress) => progress.file === file).at(-1)).toMatchObject({ loadedBytes: size })
    }
    expect(asked).toHaveLength(3)
    answer = (_, response) => response.writeHead(500).end()
    expect(await hubFolder('maker/model', files, options)).toBe(folder)
    expect(asked).toHaveLength(3)
  })

  it('opens the same model by its name and by its folder', async () => {
    const options = { endpoint, cacheFolder: cacheFolder() }
    const byName = await staticEmbedder({ model: 'maker/model', ...options })
    const byFolder = await staticEmbedder({ model: source })
    expect(byName.model).toBe(byFolder.model)
    expect(await byName.embed(['hello'])).toEqual(await byFolder.embed(['hello']))
  })

  it('downloads all of a model of which one file is missing: they may not belong together any more', async () => {
    const options = { endpoint, cacheFolder: cacheFolder() }
    const folder = join(options.cacheFolder, 'maker', 'model')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'tokenizer.json'), 'old')
    await hubFolder('maker/model', files, options)
    expect(readFileSync(join(folder, 'tokenizer.json'))).toEqual(readFileSync(join(source, 'tokenizer.json')))
  })

  it('leaves nothing behind of a file that breaks off', async () => {
    const options = { endpoint, cacheFolder: cacheFolder() }
    answer = (request, response) => {
      if (!request.url?.endsWith('.safetensors')) return give(request, response)
      response.writeHead(200, { 'content-length': '1000' })
      response.write('half', () => response.destroy())
    }
    const error: unknown = await hubFolder('maker/model', files, options).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'provider-unreachable', message: expect.stringContaining('name a folder') })
    expect(readdirSync(join(options.cacheFolder, 'maker', 'model'))).toEqual(['tokenizer.json'])
    answer = give
    await hubFolder('maker/model', files, options)
    expect(existsSync(join(options.cacheFolder, 'maker', 'model', 'model.safetensors'))).toBe(true)
  })

  it.each([
    [404, 'invalid-option', /there is no such folder, and http.*404/],
    [401, 'invalid-option', /the name of a public model, got "maker\/model"/],
    [503, 'provider-unreachable', /answers 503; without access to it, name a folder/]
  ])('says what a hub means that answers %i', async (status, code, message) => {
    const options = { endpoint, cacheFolder: cacheFolder() }
    answer = (_, response) => response.writeHead(status).end('no')
    const opening = hubFolder('maker/model', files, options)
    await expect(opening).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('names the remedy when there is no network', async () => {
    const options = { endpoint: 'http://127.0.0.1:1', cacheFolder: cacheFolder() }
    const opening = staticEmbedder({ model: 'maker/model', ...options })
    await expect(opening).rejects.toMatchObject({
      code: 'provider-unreachable',
      message: expect.stringMatching(
        /maker\/model\/resolve\/main\/tokenizer\.json could not be downloaded .*name a folder/
      )
    })
  })
})

it.each([
  ['minishlab/potion-base-8M', true],
  ['a/b', true],
  ['b', false],
  ['a/b/c', false],
  ['../b', false],
  ['a/..', false],
  ['~/b', false],
  ['C:\\models', false],
  ['a/b?c', false]
])('takes %j for a name: %s', (text, expected) => {
  expect(isHubName(text)).toBe(expected)
})
