import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { readLines } from './lines.ts'

let folder: TemporaryFolder
beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => folder.remove())

async function read(content: string | Buffer): Promise<{ number: number; text: string; offset: number }[]> {
  const file = join(folder.path, 'lines.jsonl')
  writeFileSync(file, content)
  const lines: { number: number; text: string; offset: number }[] = []
  for await (const { number, bytes, offset } of readLines(file)) {
    lines.push({ number, text: bytes.toString(), offset })
  }
  return lines
}

describe('readLines', () => {
  it('passes over a byte order mark, carriage returns, empty lines and spaces around a line, and counts lines all the same', async () => {
    expect(await read('\uFEFFa\r\n\r\n  \n\tb c \r\nd')).toEqual([
      { number: 1, text: 'a', offset: 3 },
      { number: 4, text: 'b c', offset: 12 },
      { number: 5, text: 'd', offset: 18 }
    ])
    expect(await read('')).toEqual([])
    expect(await read('\uFEFF')).toEqual([])
  })

  it('gives the bytes as they are, and says where they stand', async () => {
    const line = fc.string({ unit: 'binary' }).map((text) => text.replace(/[\n\r]/g, ''))
    await fc.assert(
      fc.asyncProperty(fc.array(line), async (texts) => {
        const content = Buffer.from(texts.join('\n'))
        for (const { number, text, offset } of await read(content)) {
          expect(text).toBe(
            texts[number - 1]?.replace(/^\uFEFF/, number === 1 ? '' : '\uFEFF').replace(/^[ \t]+|[ \t]+$/g, '')
          )
          expect(content.subarray(offset, offset + Buffer.byteLength(text)).toString()).toBe(text)
        }
      }),
      { numRuns: 50 }
    )
  })

  it('reads lines that are longer than what comes from the disk at a time, cut in the middle of a character', async () => {
    const long = 'ä€🚀'.repeat(400_000)
    const lines = await read(`x\n${long}\ny\n${long}`)
    expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4])
    expect(lines.map(({ text }) => text === long)).toEqual([false, true, false, true])
  })

  it('lets the whole content be heard', async () => {
    const file = join(folder.path, 'heard')
    const content = '\uFEFFa\n\nb\r\n'
    writeFileSync(file, content)
    const chunks: Buffer[] = []
    for await (const _ of readLines(file, (chunk) => chunks.push(chunk)));
    expect(Buffer.concat(chunks).toString()).toBe(content)
  })

  it('names the file that cannot be read', async () => {
    await expect(readLines(join(folder.path, 'missing')).next()).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringMatching(/cannot read .*missing: ENOENT/)
    })
  })
})
