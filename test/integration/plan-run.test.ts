import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCache } from '../../src/cache.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { type Call, type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { makeGateway, type Stand } from '../support/gateway.ts'
import { type Program, startProgram } from '../support/program.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const adminToken = 'a-token-of-some-length'

let folder: TemporaryFolder
let provider: SimulatedProvider
let gateway: Stand
/** How many calls the provider answers before it holds the others back. */
let holdsAfter: number
let held: number
let release: () => void
let released: Promise<void>
/** Atoms that the provider refuses. */
let refused: Set<string>

beforeEach(async () => {
  folder = temporaryFolder()
  holdsAfter = Number.POSITIVE_INFINITY
  held = 0
  refused = new Set()
  released = new Promise((resolve) => {
    release = resolve
  })
  let received = 0
  provider = await simulatedProvider({
    async answer({ lastUserText }) {
      received += 1
      // The provider makes of it that the request was wrong.
      if (refused.has(atomIn(lastUserText))) throw new RangeError('this cannot be answered')
      if (received > holdsAfter) {
        held += 1
        await released
      }
      return undefined
    }
  })
  gateway = await makeGateway({ deadlineMs: 10_000, adminToken }, provider)
})

afterEach(async () => {
  await gateway.close()
  folder.remove()
})

/** Prompts begin with the name of their atom. */
function atomIn(text: string): string {
  return /^ask (\S+):/.exec(text)?.[1] ?? ''
}

function lastTextOf(body: JsonObject | undefined): string {
  const messages = body?.['messages'] as readonly JsonObject[]
  return String(messages.at(-1)?.['content'])
}

function atomOf({ body }: Call): string {
  return atomIn(lastTextOf(body))
}

/** Which atoms the provider has been asked for, or has answered; sorted. */
function asked(outcome?: Call['outcome']): string[] {
  return provider.calls
    .filter((call) => outcome === undefined || call.outcome === outcome)
    .map(atomOf)
    .sort()
}

interface WrittenAtom {
  readonly needs?: readonly string[]
  /** What it asks beside what it needs. */
  readonly about?: string
}

/** A plan whose prompts hold the answers that they need. */
function writePlan(atoms: Readonly<Record<string, WrittenAtom>>, id = 'chapters'): string {
  const file = join(folder.path, 'plan.json')
  const written = Object.entries(atoms).map(([name, { needs = [], about = '' }]) => ({
    id: name,
    needs,
    prompt: `ask ${name}: ${about} ${needs.map((need) => `{{${need}}}`).join(' ')}`
  }))
  writeFileSync(file, JSON.stringify({ id, defaults: { model: 'gpt-4o-mini' }, atoms: written }))
  return file
}

/** Two chapters from one outline, and a summary of both. */
const book = {
  outline: {},
  title: {},
  first: { needs: ['outline'] },
  second: { needs: ['outline'] },
  summary: { needs: ['first', 'second'] }
}

type Place = 'in process' | 'through a gateway'
const places: readonly Place[] = ['in process', 'through a gateway']

/** `reprise run`, as a user starts it: with the store that a gateway would have, or through one. */
function start(place: Place, ...flags: readonly string[]): Program {
  const own = {
    REPRISE_STORE: `embedded:${join(folder.path, 'store')}`,
    REPRISE_OPENAI_URL: provider.openaiUrl,
    // On a busy machine a store may be slow: what it has is to be found all the same.
    REPRISE_DEADLINE: '10s'
  }
  return startProgram(['run', ...flags, ...(place === 'in process' ? [] : ['--through', gateway.gateway.url])], {
    OPENAI_API_KEY: 'sk-plan',
    REPRISE_ADMIN_TOKEN: adminToken,
    ...(place === 'in process' ? own : {})
  })
}

interface Ended {
  readonly exitCode: number | string | null
  readonly output: string
  readonly errors: string
}

async function run(place: Place, ...flags: readonly string[]): Promise<Ended> {
  const program = start(place, ...flags)
  return { exitCode: await program.ended, output: program.output(), errors: program.errors() }
}

/** Invalidates a tag in what a run in this place has used. */
async function takeAway(place: Place, tag: string): Promise<void> {
  if (place === 'through a gateway') {
    const body = JSON.stringify({ tag })
    const headers = { 'x-reprise-admin-token': adminToken }
    const { status } = await fetch(`${gateway.gateway.url}/cache/invalidate`, { method: 'POST', headers, body })
    expect(status).toBe(200)
    return
  }
  const cache = await createCache({ store: `embedded:${join(folder.path, 'store')}`, deadlineMs: 10_000 })
  await cache.invalidate({ tag })
  await cache.close()
}

async function until(isTrue: () => boolean, program?: Program): Promise<void> {
  let over = false
  void program?.ended.then(() => {
    over = true
  })
  while (!isTrue()) {
    if (over) throw new Error(`it ended before: ${program?.output()}${program?.errors()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const resultsFile = (): string => join(folder.path, 'plan.results.jsonl')

/** The atoms whose answers are in the results; lines that are about something else, or not whole, are left out. */
function results(): Map<string, JsonObject> {
  if (!existsSync(resultsFile())) return new Map()
  const lines = readFileSync(resultsFile(), 'utf8').split('\n').slice(0, -1)
  const found = lines.map((line) => JSON.parse(line) as JsonObject).filter(({ text }) => typeof text === 'string')
  return new Map(found.map((line) => [String(line['atom']), line]))
}

describe.each(places)('reprise run %s', (place) => {
  it('asks each wave with the answers of those before, and writes all answers down', async () => {
    const { exitCode, output } = await run(place, writePlan(book))
    expect(exitCode, output).toBe(0)
    expect(output).toContain('chapters: 5 of 5 atoms answered')
    expect(output).toContain(resultsFile())
    expect(asked('answered')).toEqual(['first', 'outline', 'second', 'summary', 'title'])
    expect([...results().keys()].sort()).toEqual(asked())
    const summary = provider.calls.find((call) => atomOf(call) === 'summary')
    const prompt = JSON.stringify(summary?.body)
    for (const need of ['first', 'second']) {
      const text = String(results().get(need)?.['text'])
      expect(text).not.toBe('')
      expect(prompt).toContain(JSON.stringify(text).slice(1, -1))
    }
  })

  it('asks nobody when all is in the results, and no provider when all is in the cache', async () => {
    const plan = writePlan(book)
    expect((await run(place, plan)).exitCode).toBe(0)
    const again = await run(place, plan)
    expect(again).toMatchObject({ exitCode: 0 })
    expect(again.errors).toContain(`5 atoms are answered already, says ${resultsFile()}`)
    const cached = await run(place, plan, '--restart', '--json')
    expect(cached.exitCode).toBe(0)
    expect(JSON.parse(cached.output)).toMatchObject({ plan: 'chapters', done: 5, hits: 5, layers: { exact: 5 } })
    expect(provider.calls).toHaveLength(5)
  })

  it('asks again for an atom that has changed, and for what needs it', async () => {
    expect((await run(place, writePlan(book))).exitCode).toBe(0)
    const before = results()
    provider.reset()
    const { exitCode, output } = await run(
      place,
      writePlan({ ...book, first: { needs: ['outline'], about: 'briefly' } })
    )
    expect(exitCode, output).toBe(0)
    expect(asked()).toEqual(['first', 'summary'])
    for (const name of ['outline', 'title', 'second']) {
      expect(results().get(name)?.['text']).toBe(before.get(name)?.['text'])
    }
    expect(results().get('summary')?.['text']).not.toBe(before.get('summary')?.['text'])
  })

  it('leaves out what needs an atom that has failed, ends with 1, and next time asks for these only', async () => {
    refused.add('first')
    const plan = writePlan({ ...book, index: { needs: ['summary'] } })
    const failed = await run(place, plan)
    expect(failed.exitCode).toBe(1)
    expect(failed.errors).toMatch(/^first failed \(400\): .*this cannot be answered/m)
    expect(failed.output).toContain('3 of 6 atoms answered')
    expect(failed.output).toMatch(/left out +2, for lack of what has failed/)
    expect(failed.output).toContain('the same command asks for what is missing')
    expect(asked('answered')).toEqual(['outline', 'second', 'title'])
    refused.clear()
    provider.reset()
    expect((await run(place, plan)).exitCode).toBe(0)
    expect(asked()).toEqual(['first', 'index', 'summary'])
    expect(results().size).toBe(6)
  })

  it('has its tags on what others had asked before, so that they take it away, and not on what it did not use', async () => {
    const words = ['outline', 'title']
    const mine = { outline: {}, title: {} }
    expect((await run(place, writePlan({ ...mine, first: { needs: ['outline'] } }, 'one'))).exitCode).toBe(0)
    const hits = await run(place, writePlan(mine, 'two'), '--json', '--results', join(folder.path, 'two.jsonl'))
    expect(JSON.parse(hits.output)).toMatchObject({ done: 2, hits: 2 })
    provider.reset()
    await takeAway(place, 'masterplan:two')
    const again = await run(place, writePlan({ ...mine, first: { needs: ['outline'] } }, 'one'), '--restart')
    expect(again.exitCode, again.output).toBe(0)
    expect(asked()).toEqual(words)
    provider.reset()
    await takeAway(place, 'wave:2')
    expect((await run(place, writePlan({ ...mine, first: { needs: ['outline'] } }, 'one'), '--restart')).exitCode).toBe(
      0
    )
    expect(asked()).toEqual(['first'])
  })

  it('keeps what an isolated plan is answered from others, and others’ answers from it', async () => {
    const runAs = async (id: string, sharing: string): Promise<JsonObject> => {
      const file = writePlan(book, id)
      writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as JsonObject), sharing }))
      const { output } = await run(place, file, '--json', '--results', join(folder.path, `${id}.jsonl`), '--restart')
      return JSON.parse(output) as JsonObject
    }
    expect(await runAs('shared', 'shared')).toMatchObject({ done: 5, hits: 0 })
    expect(await runAs('alone', 'isolated')).toMatchObject({ done: 5, hits: 0 })
    expect(await runAs('alone', 'isolated')).toMatchObject({ done: 5, hits: 5 })
    expect(await runAs('apart', 'isolated')).toMatchObject({ done: 5, hits: 0 })
    expect(await runAs('others', 'shared')).toMatchObject({ done: 5, hits: 5 })
  })

  it('loses no results when it was to begin anew, and no gateway or no provider answers', async () => {
    const plan = writePlan(book)
    expect((await run(place, plan)).exitCode).toBe(0)
    const before = readFileSync(resultsFile(), 'utf8')
    const failed = startProgram(['run', plan, '--restart', '--through', 'http://127.0.0.1:9'], {})
    expect(await failed.ended).toBe(1)
    expect(failed.errors()).toContain('no gateway answers at http://127.0.0.1:9')
    expect(readFileSync(resultsFile(), 'utf8')).toBe(before)
  })

  it('goes on to its end when nobody reads what it says any more', async () => {
    const plan = writePlan(book)
    holdsAfter = 0
    const program = start(place, plan)
    await until(() => held > 0, program)
    program.process.stdout?.destroy()
    program.process.stderr?.destroy()
    release()
    expect(await program.ended).toBe(0)
    expect(results().size).toBe(5)
  })

  it('begins nothing that the budget may not allow', async () => {
    const plan = writePlan(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`a${at}`, {}])))
    const first = await run(place, plan, '--budget', '0.0005', '--json')
    expect(first.exitCode).toBe(1)
    const { costUsd, end, left } = JSON.parse(first.output) as Record<string, number>
    expect(end).toBe('over-budget')
    expect(costUsd).toBeGreaterThan(0)
    expect(provider.calls).toHaveLength(40 - (left ?? 0))
    expect(left).toBeGreaterThan(0)
    expect((await run(place, plan)).exitCode).toBe(0)
    expect(asked('answered')).toEqual(Array.from({ length: 40 }, (_, at) => `a${at}`).sort())
  })

  it('finishes what is under way when it is interrupted, ends with 130, and goes on where it was', async () => {
    const plan = writePlan(Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`a${at}`, {}])))
    holdsAfter = 10
    const program = start(place, plan)
    await until(() => held === 8, program)
    program.process.kill('SIGINT')
    await until(() => program.errors().includes('stopping: waiting for what is under way'), program)
    release()
    expect(await program.ended).toBe(130)
    expect(program.output()).toContain('18 of 30 atoms answered')
    expect(program.output()).toContain('interrupted')
    expect((await run(place, plan)).exitCode).toBe(0)
    expect(asked()).toEqual(Array.from({ length: 30 }, (_, at) => `a${at}`).sort())
  })
})

const sizes = [60, 70, 50, 20]

/** 200 atoms in four waves; each needs two of the wave before. */
function longPlan(): Record<string, WrittenAtom> {
  const waves = sizes.map((size, wave) => Array.from({ length: size }, (_, at) => `w${wave + 1}a${at}`))
  return Object.fromEntries(
    waves.flatMap((names, wave) => {
      const before = waves[wave - 1] ?? []
      const needsOf = (at: number): string[] => [at, at + 1].flatMap((one) => before[one % before.length] ?? [])
      return names.map((name, at): [string, WrittenAtom] => [name, { needs: before.length === 0 ? [] : needsOf(at) }])
    })
  )
}

/** How many of eight are under way when so many are answered: a wave ends with fewer. */
function underWayAfter(answered: number): number {
  let end = 0
  for (const size of sizes) {
    end += size
    if (answered < end) return Math.min(8, end - answered)
  }
  return 0
}

// In the first wave, at its end, on a border, with a few of a wave left, at the very end; and anywhere.
const anywhere = (): number => 1 + Math.floor(Math.random() * 198)
const killPoints = [1, 59, 60, 127, 199, anywhere(), anywhere()]

describe.each(places)('reprise run %s, killed', (place) => {
  it.each(killPoints)('with kill -9 after %i of 200 answers, has no atom answered twice', async (answered) => {
    const plan = writePlan(longPlan())
    holdsAfter = answered
    const program = start(place, plan, '--concurrency', '8')
    await until(() => held === underWayAfter(answered) && results().size === answered, program)
    program.process.kill('SIGKILL')
    expect(await program.ended).toBe('SIGKILL')
    // Whoever stood between has to notice, before the provider says what nobody hears.
    await until(() => provider.calls.every(({ outcome }) => outcome !== 'pending'))
    const cut = asked('aborted')
    expect(cut).toHaveLength(underWayAfter(answered))
    expect(asked('answered')).toHaveLength(answered)

    holdsAfter = Number.POSITIVE_INFINITY
    release()
    const { exitCode, output } = await run(place, plan, '--concurrency', '8')
    expect(exitCode, output).toBe(0)
    expect(output).toContain('200 of 200 atoms answered')
    const all = Object.keys(longPlan()).sort()
    expect(asked('answered')).toEqual(all)
    // What had been sent and was not answered is asked a second time: nobody but the provider could know whether it is
    // at work on it, and an answer that it has not given cannot be had but by asking. It is the only thing asked twice.
    expect(asked()).toEqual([...all, ...cut].sort())
    expect([...results().keys()].sort()).toEqual(all)
  })
})

describe.each(places)('reprise run --batch-api %s', (place) => {
  it('picks up after kill -9 what it has submitted, and pays for nothing twice', async () => {
    await gateway.close()
    provider = await simulatedProvider({ batches: { tookMs: Number.POSITIVE_INFINITY } })
    gateway = await makeGateway({ deadlineMs: 10_000, adminToken }, provider)
    const plan = writePlan(book)
    const program = start(place, plan, '--batch-api')
    const state = `${resultsFile()}.batches`
    await until(() => existsSync(state) && readFileSync(state, 'utf8').includes('"id"'), program)
    program.process.kill('SIGKILL')
    expect(await program.ended).toBe('SIGKILL')
    provider.endBatches()
    const { exitCode, output } = await run(place, plan, '--batch-api', '--json')
    expect(exitCode, output).toBe(0)
    expect(JSON.parse(output)).toMatchObject({ done: 5, hits: 5, batches: { stored: 5 } })
    expect(provider.batched.map(({ body }) => atomIn(lastTextOf(body))).sort()).toEqual(Object.keys(book).sort())
    expect(provider.count('chat')).toBe(0)
  })

  it('has each wave answered by batches, with the answers of those before, and asks nothing twice', async () => {
    const { exitCode, output } = await run(place, writePlan(book), '--batch-api', '--json')
    expect(exitCode, output).toBe(0)
    const { batches, costUsd, hits } = JSON.parse(output) as { batches: JsonObject; costUsd: number; hits: number }
    expect(hits).toBe(5)
    expect(batches).toMatchObject({ stored: 5, unpriced: 0 })
    expect(costUsd).toBeGreaterThan(0)
    expect(costUsd).toBe(batches['costUsd'])
    const first = String(results().get('first')?.['text'])
    const batched = provider.batched.map(({ body }) => JSON.stringify(body))
    expect(batched).toHaveLength(5)
    expect(
      batched.some((body) => body.includes('ask summary') && body.includes(JSON.stringify(first).slice(1, -1)))
    ).toBe(true)
    expect(provider.count('chat')).toBe(0)
  })
})

describe('reprise run, called wrongly', () => {
  async function misused(plan: string, ...flags: readonly string[]): Promise<string> {
    const file = join(folder.path, 'wrong.yaml')
    writeFileSync(file, plan)
    const { exitCode, output, errors } = await run('in process', file, ...flags)
    expect({ exitCode, output }).toEqual({ exitCode: 2, output: '' })
    expect(provider.calls).toHaveLength(0)
    return errors
  }

  const atoms = (text: string): string => `id: p\ndefaults: { model: gpt-4o-mini }\natoms:\n${text}`

  it.each([
    ['a need that is no atom', atoms('  a: { needs: [b], prompt: x }'), /line 4, atom a: needs: .*"b"/],
    ['a circle', atoms('  a: { needs: [b], prompt: x }\n  b: { needs: [a], prompt: x }'), /no circle, got a -> b -> a/],
    ['a variable without a value', atoms('  a: { prompt: "{{city}}" }'), /\{\{city\}\}/],
    ['no YAML', 'id: [', /wrong\.yaml.*expected YAML or JSON/]
  ])('refuses a plan with %s', async (_, plan, message) => {
    expect(await misused(plan)).toMatch(message)
  })

  it('refuses a plan that is not in UTF-8, of which other words would be asked', async () => {
    const file = join(folder.path, 'latin.yaml')
    writeFileSync(file, Buffer.from(atoms('  a: { prompt: café }'), 'latin1'))
    const { exitCode, errors } = await run('in process', file)
    expect(exitCode).toBe(2)
    expect(errors).toContain('latin.yaml: expected text in UTF-8, got another encoding; save it as UTF-8')
  })

  it('refuses flags that it does not know, and settings for a gateway that has its own', async () => {
    const plan = atoms('  a: { prompt: x }')
    expect(await misused(plan, '--nonsense')).toContain("Unknown option '--nonsense'")
    expect(await misused(plan, '--batch-api', '--store', 'memory:')).toContain(
      '--batch-api: expected a store that is there when this process is not'
    )
    expect(await misused(plan, '--port', '1')).toContain("Unknown option '--port'")
    expect(await misused(plan, '--store', 'nowhere:')).toContain('nowhere:')
    expect(await misused(plan, '--var', 'city')).toContain('--var: expected NAME=VALUE, got "city"')
    expect(await misused(plan, '--through', gateway.gateway.url, '--store', 'memory:')).toContain(
      '--store: expected it without --through'
    )
  })
})

describe('reprise run, told something hostile', () => {
  const hostile = 'no\u001b[2J\u009b31m\u202e\r\nreprise: all is well'

  it('lets nothing of it move the cursor or begin a line', async () => {
    const server = createServer((_, response) => {
      response.writeHead(404).end(JSON.stringify({ error: { message: hostile } }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const plan = writePlan(book)
    const own = { REPRISE_STORE: 'memory:', REPRISE_OPENAI_URL: `${url}/v1`, OPENAI_API_KEY: 'sk-plan' }
    const ways: readonly (readonly [readonly string[], Readonly<Record<string, string>>])[] = [
      [['--through', url], {}],
      [[], own]
    ]
    for (const [flags, environment] of ways) {
      const program = startProgram(['run', plan, ...flags], environment)
      expect(await program.ended).toBe(1)
      const text = program.output() + program.errors()
      expect(text).toContain('all is well')
      expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}|^reprise: all/mu)
    }
    server.close()
  })
})

describe('reprise run --dry-run', () => {
  it('shows waves, atoms and needs, and asks nobody', async () => {
    const { exitCode, output } = await run('in process', writePlan(book), '--dry-run')
    expect(exitCode).toBe(0)
    expect(output.trimEnd().split('\n')).toEqual([
      'chapters: 5 atoms in 3 waves',
      '',
      'wave 1: 2 atoms',
      '  outline  gpt-4o-mini',
      '  title    gpt-4o-mini',
      '',
      'wave 2: 2 atoms',
      '  first    gpt-4o-mini  <- outline',
      '  second   gpt-4o-mini  <- outline',
      '',
      'wave 3: 1 atom',
      '  summary  gpt-4o-mini  <- first, second'
    ])
    expect(provider.calls).toHaveLength(0)
    expect(existsSync(resultsFile())).toBe(false)
  })
})
