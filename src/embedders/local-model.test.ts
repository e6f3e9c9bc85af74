import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import { embeddingFiles, writeModel } from '../../test/support/tiny-model.ts'
import { localEmbedder } from './local.ts'
import { type LocalModelOptions, localModel } from './local-model.ts'
import type { Progress } from './progress.ts'

type Files = Readonly<Record<string, string | Buffer>>

const temporary = temporaryFolder()
const start = '/maker/model/resolve/main/'
let hub: Server
let endpoint: string
/** What the hub has of the model `maker/model`. */
let offered: Files = {}
let asked: string[] = []
let folders = 0

beforeAll(async () => {
  hub = createServer((request, response) => {
    const url = request.url ?? ''
    asked.push(url.slice(start.length))
    const file = url.startsWith(start) ? offered[url.slice(start.length)] : undefined
    if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-length': Buffer.byteLength(file) }).end(file)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => hub.once('listening', resolve))
  endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`
})

beforeEach(() => {
  offered = embeddingFiles()
  asked = []
})

afterAll(() => {
  hub.closeAllConnections()
  hub.close()
  temporary.remove()
})

function newFolder(): string {
  return join(temporary.path, `folder-${folders++}`)
}

function find(options: LocalModelOptions) {
  return localModel('embedding', 'maker/default', { endpoint, model: 'maker/model', ...options })
}

describe('a model of the hub', () => {
  it('is downloaded when it is opened first, and opens without a network from then on', async () => {
    const cacheFolder = newFolder()
    const told: Progress[] = []
    const options = { model: 'maker/model', endpoint, cacheFolder, progress: (each: Progress) => told.push(each) }
    const first = await localEmbedder(options)
    const downloaded = ['onnx/model_quantized.onnx', 'config.json', 'tokenizer.json', 'tokenizer_config.json']
    expect(asked).toEqual([...downloaded, '1_Pooling/config.json'])
    for (const file of downloaded) {
      const totalBytes = Buffer.byteLength(offered[file] ?? '')
      expect(told).toContainEqual({ file, loadedBytes: totalBytes, totalBytes })
    }
    const vectors = await first.embed(['how old is the moon'])
    await first.close()

    offered = {}
    told.length = 0
    const again = await localEmbedder(options)
    expect(await again.embed(['how old is the moon'])).toEqual(vectors)
    expect([first.model, again.model]).toEqual(['local:maker/model:int8', 'local:maker/model:int8'])
    await again.close()
    expect(asked).toHaveLength(5)
    expect(told).toEqual([])
  })

  it('is downloaded in the precision that is asked for', async () => {
    const cacheFolder = newFolder()
    expect(await find({ cacheFolder, precision: 'float32' })).toMatchObject({
      id: 'maker/model:float32',
      thread: { file: 'model', isQuantized: false, folder: join(cacheFolder, 'maker', 'model') }
    })
    expect(asked).not.toContain('onnx/model_quantized.onnx')
  })

  it('is looked for under the names that sentence-transformers gives too, once', async () => {
    const cacheFolder = newFolder()
    const { 'onnx/model_quantized.onnx': quantised = '', ...rest } = embeddingFiles()
    const file = process.arch === 'arm64' ? 'model_qint8_arm64' : 'model_quint8_avx2'
    offered = { ...rest, [`onnx/${file}.onnx`]: quantised }
    expect((await find({ cacheFolder })).thread).toMatchObject({ file, isQuantized: true })
    expect(asked.slice(0, 2)).toEqual(['onnx/model_quantized.onnx', `onnx/${file}.onnx`])
    asked = []
    expect((await find({ cacheFolder })).thread).toMatchObject({ file })
    expect(asked).toEqual([])
  })

  it('brings its way of pooling and the weights beside the model along', async () => {
    const config = {
      model_type: 'bert',
      'transformers.js_config': { use_external_data_format: { model_quantized: 2 } }
    }
    offered = {
      ...offered,
      'config.json': JSON.stringify(config),
      'onnx/model_quantized.onnx_data': 'one',
      'onnx/model_quantized.onnx_data_1': 'two',
      '1_Pooling/config.json': '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    }
    const { thread } = await find({ cacheFolder: newFolder() })
    expect(thread.pooling).toBe('cls')
    expect(readFileSync(join(thread.folder, 'onnx/model_quantized.onnx_data'), 'utf8')).toBe('one')
    expect(readFileSync(join(thread.folder, 'onnx/model_quantized.onnx_data_1'), 'utf8')).toBe('two')
  })

  it('is refused when the hub has none of that name, by what was looked for first', async () => {
    const cacheFolder = newFolder()
    await expect(find({ cacheFolder, model: 'maker/nothing' })).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('maker/nothing/resolve/main/onnx/model_quantized.onnx answers 404')
    })
    expect(existsSync(join(cacheFolder, 'maker', 'nothing', 'config.json'))).toBe(false)
  })

  it('cannot be had of a hub that cannot be reached', async () => {
    const nobody = 'http://127.0.0.1:1'
    await expect(find({ cacheFolder: newFolder(), endpoint: nobody })).rejects.toMatchObject({
      code: 'provider-unreachable',
      message: expect.stringContaining(nobody)
    })
  })

  it('is the default one unless another is named', async () => {
    await expect(localModel('embedding', 'maker/default', { endpoint, cacheFolder: newFolder() })).rejects.toThrow(
      /"maker\/default"/
    )
  })
})

describe('a model of a folder', () => {
  function write(files: Files): string {
    const folder = newFolder()
    writeModel(folder, files)
    return folder
  }

  it('is named by all that changes its vectors, and not by where it is', async () => {
    const files = embeddingFiles()
    const { id } = await find({ model: write(files) })
    expect(id).toMatch(/^[0-9a-f]{16}:int8$/)
    expect((await find({ model: write(files) })).id).toBe(id)
    expect((await find({ model: write({ ...files, 'README.md': 'a model' }) })).id).toBe(id)
    const changes: readonly Files[] = [
      { 'onnx/model_quantized.onnx': 'other' },
      { 'tokenizer.json': '{}' },
      { '1_Pooling/config.json': '{"pooling_mode_cls_token": true}' }
    ]
    const others = await Promise.all(
      changes.map(async (change) => (await find({ model: write({ ...files, ...change }) })).id)
    )
    expect(new Set([id, ...others]).size).toBe(changes.length + 1)
    expect(asked).toEqual([])
  })

  it('is refused when one of its files cannot be read', async () => {
    const folder = write({ ...embeddingFiles(), 'config.json': '{' })
    await expect(find({ model: folder })).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(`${folder}/config.json: expected a JSON object`)
    })
  })
})
