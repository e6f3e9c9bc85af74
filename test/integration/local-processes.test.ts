import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalWork } from '../support/local-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { slowEmbeddingOnnx, tinyTokenizer, writeModel } from '../support/tiny-model.ts'

const temporary = temporaryFolder()
const script = join(import.meta.dirname, '..', 'support', 'local-process.ts')

beforeAll(() => writeModel(temporary.path, { ...tinyTokenizer(), 'onnx/model.onnx': slowEmbeddingOnnx(50) }))

afterAll(() => temporary.remove())

interface Outcome {
  readonly code: number | string | null
  readonly output: string
  readonly errors: string
}

function run(end: LocalWork['end']): Promise<Outcome> {
  const work: LocalWork = { folder: temporary.path, end }
  return runNode(['--import', 'tsx', script, JSON.stringify(work)])
}

function runNode(args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, args)
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  return new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output, errors }))
  )
}

describe('a process with a local embedder that nobody closes', () => {
  it('ends when it has nothing left to do', async () => {
    expect(await run('idle')).toEqual({ code: 0, output: '', errors: '' })
  })

  it('does not end before an answer has come that it waits for', async () => {
    expect(await run('waiting')).toEqual({ code: 0, output: '1000\n', errors: '' })
  })

  it.each(['loading', 'running'] as const)('exits in the middle of %s without a crash', async (end) => {
    expect(await run(end)).toEqual({ code: 0, output: '', errors: '' })
  })

  it('fails of its own error only', async () => {
    const { code, errors } = await run('failing')
    expect(code).toBe(1)
    expect(errors).toContain('on purpose')
    expect(errors).not.toContain('terminate called')
  })

  it('embeds with what was built, too', async () => {
    const built = JSON.stringify(new URL('../../dist/embedders/local.js', import.meta.url))
    const model = JSON.stringify({ model: temporary.path, precision: 'float32' })
    const program = `import { localEmbedder } from ${built}
const embedder = await localEmbedder(${model})
console.log((await embedder.embed(['moon', 'earth'])).length)`
    expect(await runNode(['--input-type=module', '-e', program])).toEqual({ code: 0, output: '2\n', errors: '' })
  })
})
