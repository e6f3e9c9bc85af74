import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { explain } from '../../src/cli/explain.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

let stand: Stand
let folder: string

beforeAll(async () => {
  stand = await makeStand({ store: 'memory:', embedder: new WordsEmbedder() })
  folder = await mkdtemp(join(tmpdir(), 'reprise-explain-'))
})

afterAll(() => stand.close())

function request(content: string) {
  return { model: 'gpt-4o', messages: [{ role: 'user' as const, content }] }
}

/** What the command prints about a request. */
async function told(content: string, ...flags: string[]): Promise<string> {
  const file = join(folder, 'request.json')
  await writeFile(file, JSON.stringify(request(content)))
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
  try {
    await explain([file, '--through', stand.gateway.url, ...flags], { OPENAI_API_KEY: 'sk-alice' })
  } finally {
    log.mockRestore()
  }
  return lines.join('\n')
}

describe('reprise explain', () => {
  it('says that nothing like it is stored', async () => {
    expect(await told('What is entirely new here?')).toBe(
      'miss: no identical request has been answered; nothing is stored that is the same in everything but its wording\n\nasked    "What is entirely new here?"'
    )
  })

  it('names the nearest, what differs, and what would have hit', async () => {
    await stand.openai().chat.completions.create(request('How do I reset my password?'))
    const same = await told('How can I reset my password please?')
    expect(same).toContain(
      'semantic: no identical request has been answered; "How do I reset my password?" means the same'
    )
    expect(same).toContain('only asked: can please; only answered: do')
    expect(same).toMatch(/would have hit with --min-similarity up to: off 0\.99\d\d, standard 0\.99\d\d/)
    expect(await told('How do I reset my password?')).toMatch(/^exact: an identical request has been answered/)
  })

  it('names the guard that refused', async () => {
    await stand
      .openai()
      .chat.completions.create(
        request('How do I install version 12 of the very same package on the very same old server?')
      )
    const refused = await told('How do I install version 13 of the very same package on the very same old server?')
    expect(refused).toContain('the guard numbers refuses it: ')
    expect(refused).toContain('refused by numbers')
  })

  it('gives all of it as JSON', async () => {
    expect(JSON.parse(await told('How should I reset my password?', '--json'))).toMatchObject({ outcome: 'semantic' })
  })

  it('says what to do when there is no gateway, no file, or a flag that it does not know', async () => {
    await expect(explain([join(folder, 'none.json')], {})).rejects.toThrow('cannot read the request')
    await expect(explain([], {})).rejects.toThrow('expected one file, got 0')
    await expect(explain(['--what'], {})).rejects.toThrow('reprise explain --help lists all flags')
    const file = join(folder, 'request.json')
    await expect(explain([file, '--through', 'http://127.0.0.1:1'], {})).rejects.toThrow('start one (reprise serve)')
    await expect(explain([file, '--endpoint', '/none', '--through', stand.gateway.url], {})).rejects.toThrow('endpoint')
  })
})
