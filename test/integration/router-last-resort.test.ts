import { setTimeout as delay } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { type Fleet, makeFleet } from '../support/fleet.ts'
import { type Ask, type Caller, chat, message, thrownBy } from '../support/fleet-callers.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const known = 'How do I reset my password?'
/** About 0.88 like it, and nothing says that it means something else. */
const similar = 'How do I quickly reset my own password?'
/** About as like, and a guard knows better. */
const opposite = 'How do I never reset my password?'
const other = 'Where is the nearest pharmacy?'

let fleet: Fleet

afterEach(() => fleet.close())

async function start(options: GatewayOptions = {}): Promise<void> {
  fleet = await makeFleet({
    embedder: new WordsEmbedder(),
    minSimilarity: 0.97,
    lastResortSimilarity: 0.8,
    routes: [
      { model: 'gpt-*', targets: ['openai', 'south', 'claude/claude-sonnet-5'], retry: { attempts: 0 } },
      { model: 'claude-*', targets: ['anthropic', 'south/gpt-4o'], retry: { attempts: 0 } }
    ],
    ...options
  })
}

function failAll(): void {
  for (const provider of Object.values(fleet.providers)) provider.fail({ every: { status: 503 } })
}

function saidBy(headers: Headers): Record<string, string> {
  const names = ['layer', 'stale', 'last-resort', 'similarity', 'provider']
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(`x-reprise-${name}`)
      return value === null ? [] : [[name, value]]
    })
  )
}

const similarity = expect.stringMatching(/^0\.8\d{3}$/)
const brief = { headers: { 'x-reprise-ttl': '1ms' } }
const outlive = (): Promise<void> => delay(5)

/** An answer, and what the gateway says of it. */
async function told(caller: Caller, content: string, ask: Ask = {}) {
  const { text, headers } = await caller(fleet, content, ask)
  return { text, said: saidBy(headers) }
}

const doors = [
  { sdk: 'OpenAI', caller: chat, by: 'openai', Failure: OpenAI.InternalServerError },
  { sdk: 'Anthropic', caller: message, by: 'anthropic', Failure: Anthropic.InternalServerError }
]
const ways = doors.flatMap((door) => [false, true].map((stream) => ({ ...door, stream })))

describe.each(ways)(
  'when all providers fail, the SDK of $sdk (streaming: $stream)',
  ({ caller, by, Failure, stream }) => {
    const ask = (content: string, own: Ask = {}) => told(caller, content, own)
    const how: Ask = { stream }

    /** Told by somebody who was asked, and failed. */
    async function expectFailure(content: string, own: Ask = {}): Promise<void> {
      const error = await thrownBy(ask(content, { ...how, ...own }))
      expect(error).toBeInstanceOf(Failure)
      expect(String(error)).toMatch(/502 .*no provider could answer.*answered 503/)
    }

    it('gets the older answer to the same request within its grace, marked as stale', async () => {
      await start({ graceMs: 60_000 })
      const { text } = await ask(known, brief)
      await outlive()
      failAll()
      expect(await ask(known, how)).toEqual({ text, said: { layer: 'exact', stale: 'true', provider: by } })
    })

    it('gets the answer to the most similar one else, marked as such', async () => {
      await start()
      const { text } = await ask(known)
      await ask(other)
      failAll()
      expect(await ask(similar, how)).toEqual({
        text,
        said: { layer: 'semantic', 'last-resort': 'true', similarity, provider: by }
      })
      // It was served and not stored: no hit of a request's own came of it.
      expect((await ask(similar, how)).said['layer']).toBe('semantic')
    })

    it('gets none that a guard refutes, that is not like it, or that is another tenant\u2019s', async () => {
      await start()
      await ask(known)
      failAll()
      await expectFailure(opposite)
      expect(fleet.events.filter(({ type }) => type === 'refuted')).toMatchObject([
        { layer: 'semantic', by: 'negation' }
      ])
      await expectFailure(other)
      await expectFailure(similar, { key: 'sk-bob' })
    })

    it('gets the same request\u2019s stale answer before a similar one\u2019s fresh one', async () => {
      await start({ graceMs: 60_000 })
      await ask(known)
      const { text } = await ask(similar, brief)
      await outlive()
      failAll()
      expect(await ask(similar, how)).toEqual({ text, said: { layer: 'exact', stale: 'true', provider: by } })
    })

    it('gets a similar one\u2019s stale answer within its grace, marked as both', async () => {
      await start({ graceMs: 60_000 })
      const { text } = await ask(known, brief)
      await outlive()
      failAll()
      expect(await ask(similar, how)).toEqual({
        text,
        said: { layer: 'semantic', stale: 'true', 'last-resort': 'true', similarity, provider: by }
      })
    })

    it('gets the providers\u2019 error beyond the grace, or without being told to make do', async () => {
      await start()
      await ask(known, brief)
      await outlive()
      failAll()
      await expectFailure(known)
      await expectFailure(similar)
    })

    it('gets the providers\u2019 error where nothing similar may be served', async () => {
      await fleetWithout()
      await ask(known)
      failAll()
      await expectFailure(similar)
    })

    it('gets nothing old after the beginning of something new', async () => {
      await start({ graceMs: 60_000 })
      await ask(known, brief)
      await outlive()
      fleet.providers.openai.fail('cut')
      fleet.providers.anthropic.fail('cut')
      const asked = ask(known, how)
      // Who sees nothing before the end gets what there is, from whoever can answer.
      if (stream) await expect(asked).rejects.toThrow(/terminated|aborted|Connection error|closed/i)
      else expect((await asked).said['layer']).toBe('provider')
    })

    it('is told what is wrong with its request all the same', async () => {
      await start({ graceMs: 60_000 })
      await ask(known, brief)
      await outlive()
      const wrong = { status: 400, body: { type: 'error', error: { type: 'invalid_request_error', message: 'No.' } } }
      fleet.providers.openai.fail(wrong)
      fleet.providers.anthropic.fail(wrong)
      await expect(ask(known, how)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('No.') })
    })
  }
)

async function fleetWithout(): Promise<void> {
  fleet = await makeFleet({
    embedder: new WordsEmbedder(),
    minSimilarity: 0.97,
    routes: [{ model: '*', targets: ['openai', 'claude/claude-sonnet-5'], retry: { attempts: 0 } }],
    graceMs: 60_000
  })
}

describe('when all providers are back', () => {
  it('answers are had from them again', async () => {
    await start({ graceMs: 60_000 })
    await told(chat, known, brief)
    await outlive()
    failAll()
    expect((await told(chat, known)).said).toMatchObject({ layer: 'exact', stale: 'true' })
    for (const provider of Object.values(fleet.providers)) provider.reset()
    expect((await told(chat, known)).said).toEqual({ layer: 'provider', provider: 'openai' })
    expect((await told(chat, known)).said).toEqual({ layer: 'exact', provider: 'openai' })
  })
})
