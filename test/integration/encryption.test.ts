import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { makeGateway, type Stand } from '../support/gateway.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const question = 'How do I reset my confidential password?'
const alike = 'How can I reset my confidential passwords please?'
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64')

let folder: TemporaryFolder
let provider: SimulatedProvider

beforeEach(async () => {
  folder = temporaryFolder()
  provider = await simulatedProvider()
})

afterEach(async () => {
  await provider.close()
  folder.remove()
})

/** Starts a gateway, does something, and ends it as a process ends. */
async function withGateway(options: GatewayOptions, act: (stand: Stand) => Promise<void>): Promise<void> {
  const stand = await makeGateway(
    { store: `embedded:${folder.path}`, embedder: new WordsEmbedder(), deadlineMs: 10_000, ...options },
    provider
  )
  try {
    await act(stand)
  } finally {
    await stand.gateway.close()
  }
}

async function layerOf({ gateway }: Stand, content: string): Promise<string | null> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-alice' },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }] })
  })
  await response.text()
  return response.headers.get('x-reprise-layer')
}

/** In how many of the store's files a text stands. */
function filesWith(text: string): number {
  const files = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).map((file) => join(folder.path, file))
  return files.filter((file) => statSync(file).isFile() && readFileSync(file).includes(text)).length
}

describe('a store on disk', () => {
  it('holds nothing of what was asked and answered when there is a key, and the model’s name all the same', async () => {
    await withGateway({ encryptionKeys: `a:${key(1)}` }, async (stand) => {
      expect(await layerOf(stand, question)).toBe('provider')
    })
    expect(filesWith('llm:gpt-4o:')).toBeGreaterThan(0)
    expect([filesWith('confidential'), filesWith('choices'), filesWith('chatcmpl')]).toEqual([0, 0, 0])
  })

  it('holds it in the clear without one', async () => {
    await withGateway({}, async (stand) => {
      await layerOf(stand, question)
    })
    expect(filesWith('confidential')).toBeGreaterThan(0)
  })

  it('answers the next process that has the key, by words and by meaning, and leaves others’ entries alone', async () => {
    const encryptionKeys = `a:${key(1)}`
    await withGateway({ encryptionKeys }, async (stand) => {
      expect(await layerOf(stand, question)).toBe('provider')
    })
    for (const others of [{}, { encryptionKeys: `b:${key(2)}` }]) {
      await withGateway({ ...others, switches: { semantic: false } }, async (stand) => {
        // Looked up and not found; nor stored, so that the entry is still the first one's.
        const response = await fetch(`${stand.gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: 'Bearer sk-alice', 'cache-control': 'only-if-cached' },
          body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: question }] })
        })
        expect(response.status).toBe(504)
      })
    }
    await withGateway({ encryptionKeys: `b:${key(2)},${encryptionKeys}` }, async (stand) => {
      expect(await layerOf(stand, alike)).toBe('semantic')
      expect(await layerOf(stand, question)).toBe('exact')
    })
    expect(provider.count()).toBe(1)
  })

  it('is not opened with keys that are none, or where vectors must be readable', async () => {
    const nothing = async (): Promise<void> => {}
    await expect(withGateway({ encryptionKeys: 'secret' }, nothing)).rejects.toMatchObject({ code: 'invalid-option' })
    const readable: GatewayOptions = { encryptionKeys: key(1), vectors: 'redis' }
    await expect(withGateway(readable, nothing)).rejects.toThrow('Redis Vector Sets')
  })
})
