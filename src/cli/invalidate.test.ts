import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminServer, adminServer } from '../../test/support/admin-server.ts'
import { invalidate } from './invalidate.ts'

const environment = { REPRISE_ADMIN_TOKEN: 'secret' }
let server: AdminServer

beforeEach(async () => {
  server = await adminServer({ token: 'secret', count: 1234 })
})
afterEach(() => server.close())

/** What it prints; `answer` is what whoever sits before it says. */
async function run(flags: readonly string[], answer?: string): Promise<{ output: string; questions: string[] }> {
  let output = ''
  const questions: string[] = []
  await invalidate([...flags, '--url', server.url], {
    environment,
    output: { write: (text) => (output += text) },
    ask:
      answer === undefined
        ? undefined
        : async (question) => {
            questions.push(question)
            return answer
          }
  })
  return { output, questions }
}

function bodies(): unknown[] {
  return server.asked.map(({ body }) => body)
}

describe('reprise invalidate', () => {
  it.each([
    [['--key', 'llm:gpt-4o:abc'], { key: 'llm:gpt-4o:abc' }],
    [['--prefix', 'llm:gpt-4o'], { prefix: 'llm:gpt-4o' }],
    [['--pattern', 'llm:*:abc?'], { pattern: 'llm:*:abc?' }],
    [['--tag', 'masterplan:42'], { tag: 'masterplan:42' }],
    [['--model=gpt-4o'], { model: 'gpt-4o' }],
    [['--kind', 'retrieval'], { kind: 'retrieval' }],
    [['--all', '--yes'], { all: true }]
  ])('with %j asks for it and says how many went', async (flags, body) => {
    expect(await run(flags)).toEqual({ output: '1,234 entries are gone\n', questions: [] })
    expect(server.asked).toEqual([{ method: 'POST', path: '/cache/invalidate', body, token: 'secret' }])
  })

  it.each([
    [['--tag', 'a'], { tag: 'a', dryRun: true }],
    [['--all'], { all: true, dryRun: true }]
  ])('with %j and --dry-run says how many would go, and asks nobody', async (flags, body) => {
    expect(await run([...flags, '--dry-run'])).toEqual({ output: '1,234 entries would go\n', questions: [] })
    expect(bodies()).toEqual([body])
  })

  it.each(['y', 'YES '])('takes everything after it has said how much and has heard %j', async (answer) => {
    const { output, questions } = await run(['--all'], answer)
    expect(questions).toEqual([`1,234 entries at ${server.url} would go: everything in its namespace. Go on? [y/N] `])
    expect(output).toBe('1,234 entries are gone\n')
    expect(bodies()).toEqual([{ all: true, dryRun: true }, { all: true }])
  })

  it.each(['', 'n', 'yeah no'])('takes nothing when it has heard %j', async (answer) => {
    await expect(run(['--all'], answer)).rejects.toMatchObject({ code: 'aborted', message: 'nothing was invalidated' })
    expect(bodies()).toEqual([{ all: true, dryRun: true }])
  })

  it('refuses to take everything where nobody can be asked', async () => {
    await expect(run(['--all'])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('--all: expected --yes where nobody can be asked, got none')
    })
    expect(server.asked).toEqual([])
  })

  it.each([
    [[], 'expected one of --key, --prefix, --pattern, --tag, --model, --kind, --all, got none'],
    [['--tag', 'a', '--kind', 'llm'], 'got --tag and --kind'],
    [['--tag', 'a', '--all'], 'got --tag and --all'],
    [['--tag', 'a', '--tag', 'b'], '--tag: expected one, got 2; call it once for each'],
    [['--tag', ''], '--tag: expected a text, got ""'],
    [['--tag'], "Option '--tag' argument is ambiguous"],
    [['--tags', 'a'], "Unknown option '--tags'"],
    [['masterplan:42'], "Unexpected argument 'masterplan:42'"]
  ])('says what was expected and got with %j, and asks nothing', async (flags, message) => {
    const refusal: unknown = await run(flags).catch((error) => error)
    expect(refusal).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) })
    expect(String(refusal)).toContain('(reprise invalidate --help lists all flags)')
    expect(server.asked).toEqual([])
  })

  it('passes on what the gateway fails with, which is no wrong usage', async () => {
    server.instead.push({ status: 503, body: '{"error": {"code": "store-unavailable", "message": "gone"}}' })
    const refusal: unknown = await run(['--tag', 'a']).catch((error) => error)
    expect(refusal).toMatchObject({ code: 'store-unavailable' })
    expect(refusal).not.toHaveProperty('exitCode')
  })

  it('does not say that something is gone when the gateway has not said so', async () => {
    server.instead.push({ status: 200, body: '{}' })
    await expect(run(['--tag', 'a'])).rejects.toMatchObject({ code: 'provider-malformed' })
  })

  it('explains itself', async () => {
    const { output } = await run(['--help'])
    for (const flag of ['--key', '--prefix', '--pattern', '--tag', '--model', '--kind', '--all', '--dry-run', '--yes'])
      expect(output).toContain(flag)
    expect(server.asked).toEqual([])
  })

  it.each([
    ['is done', 0, ['--tag', 'a'], '1,234 entries are gone\n', ''],
    ['is called wrongly', 2, [], '', 'reprise: expected one of --key, '],
    ['is to take everything and nobody can be asked', 2, ['--all'], '', 'reprise: --all: expected --yes'],
    ['has another token', 1, ['--tag', 'a', '--url', 'OTHER'], '', 'reprise: the gateway at ']
  ])('when it %s ends with %i', async (_, code, flags, output, error) => {
    const other = await adminServer({ token: 'other' })
    const urls = flags.includes('--url') ? [] : ['--url', server.url]
    const ended = await program(['invalidate', ...flags.map((flag) => (flag === 'OTHER' ? other.url : flag)), ...urls])
    await other.close()
    expect(ended).toEqual({ code, output, error: expect.stringContaining(error) })
    // One line at most: no trace of where it happened.
    expect(ended.error.trimEnd().split('\n')).toHaveLength(1)
  })
})

function program(flags: readonly string[]): Promise<{ code: unknown; output: string; error: string }> {
  const main = join(import.meta.dirname, 'main.ts')
  const env = { ...process.env, ...environment }
  return new Promise((resolve) =>
    execFile(process.execPath, ['--import', 'tsx', main, ...flags], { env }, (failure, output, error) =>
      resolve({ code: failure === null ? 0 : failure.code, output, error })
    )
  )
}
