import { oneOf, type Random, seeded } from '../src/testing/simulated/seeded.ts'
import type { FastClock } from './fast-clock.ts'
import type { ShownGateway } from './shown-gateway.ts'
import { manual, outputs, passage, rare, repairs, reworded, type Said, shop } from './talk.ts'

/** Somebody who asks, and how often: the share of all requests. */
interface Caller {
  readonly share: number
  ask(): Promise<unknown>
}

/** Something that happens once, so many minutes after the beginning. */
interface Turn {
  readonly minute: number
  happen(): unknown
}

/** Requests a second at first, by the clock. */
const perSecond = 3.2

/**
 * Sends the traffic of a small company by a clock: a shop's assistant, a manual's, nightly sorting of tickets,
 * summaries, experiments, embeddings and searches. On the way documents change, a provider fails for a while, the
 * embedder stumbles, and in the end another provider fails. Goes on until the signal is aborted.
 */
export async function sendTraffic(shown: ShownGateway, clock: FastClock, signal: AbortSignal): Promise<void> {
  const random = seeded('traffic')
  const callers = callersOf(shown, random)
  const turns = [...turnsOf(shown)]
  const underWay = new Set<Promise<unknown>>()
  const minuteOf = (atMs: number): number => (atMs - clock.beginsAtMs) / 60_000
  let atMs = clock.beginsAtMs
  while (!signal.aborted) {
    // Arrivals that know nothing of each other, and that come in waves.
    const busy = perSecond * (1 + 0.35 * Math.sin(minuteOf(atMs) / 8 - 0.8))
    atMs += (-Math.log(1 - random()) / busy) * 1000
    await clock.until(atMs, signal)
    while (turns[0] !== undefined && minuteOf(atMs) >= turns[0].minute) await turns.shift()?.happen()
    // What fails is what the gateway counts.
    const asking: Promise<unknown> = drawn(callers, random)
      .ask()
      .catch(() => {})
      .finally(() => underWay.delete(asking))
    underWay.add(asking)
  }
  await Promise.all(underWay)
}

function drawn(callers: readonly Caller[], random: Random): Caller {
  let left = random() * callers.reduce((sum, { share }) => sum + share, 0)
  for (const caller of callers) {
    left -= caller.share
    if (left < 0) return caller
  }
  return oneOf(random, callers)
}

function* turnsOf({ gateway, adminToken, providers, embedder }: ShownGateway): Iterable<Turn> {
  async function invalidate(tag: string): Promise<void> {
    const { ok, status } = await fetch(`${gateway.url}/cache/invalidate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-reprise-admin-token': adminToken },
      body: JSON.stringify({ tag })
    })
    if (!ok) throw new Error(`The gateway answered ${status} to an invalidation.`)
  }
  const down = { every: { status: 503 } } as const
  const up = { every: 'none' } as const
  yield { minute: 17, happen: () => invalidate('document:handbook') }
  yield { minute: 25, happen: () => providers.openai.fail(down) }
  yield { minute: 29, happen: () => providers.openai.fail(up) }
  yield {
    minute: 36,
    happen() {
      embedder.chaos = () => Promise.reject(new Error('the embedder is restarted'))
    }
  }
  yield {
    minute: 36.2,
    happen() {
      embedder.chaos = () => {}
    }
  }
  yield { minute: 44, happen: () => invalidate('masterplan:42') }
  yield { minute: 59, happen: () => providers.azure.fail(down) }
}

/** What a model is given with each question: some two thousand tokens, as such things are. */
function handbook(title: string, said: readonly Said[], table: string): string {
  const rules = said.map(([question, answer]) => `- ${question} ${answer}`).join('\n')
  return `You answer questions about ${title}. Be brief, and promise nothing that is not written here.\n\n${rules}\n\n${table}`
}

function callersOf(shown: ShownGateway, random: Random): readonly Caller[] {
  const [helpdesk, sorting, tests] = [shown.openai('helpdesk'), shown.openai('sorting'), shown.openai('experiments')]
  const [guide, research] = [shown.anthropic('guide'), shown.anthropic('research')]
  const rules = {
    shop: handbook('a shop for lamps', shop, repairs),
    manual: handbook('a planning tool', manual, outputs)
  }
  /** The first ones most, each now and then in other words, and something that few ask. */
  const question = (said: readonly Said[], few: (random: Random) => string, share: number): string => {
    if (random() < share) return few(random)
    const [asked] = said[Math.floor(said.length * random() ** 1.7)] ?? ['']
    return random() < 0.25 ? reworded(asked, random) : asked
  }
  const tagged = (...tags: readonly string[]) => ({ headers: { 'x-reprise-tags': tags.join(',') } })
  const user = (content: string) => ({ role: 'user' as const, content })

  return [
    {
      share: 38,
      ask: () =>
        helpdesk.chat.completions.create(
          {
            model: 'gpt-4o',
            messages: [{ role: 'system', content: rules.shop }, user(question(shop, rare.shop, 0.42))],
            // A form that lets people type any number.
            ...(random() < 0.002 ? { temperature: 3 } : {})
          },
          tagged('team:support', 'app:helpdesk', 'document:handbook')
        )
    },
    {
      share: 18,
      async ask() {
        const stream = await guide.messages.create(
          {
            model: 'claude-sonnet-5',
            max_tokens: 800,
            system: rules.manual,
            messages: [user(question(manual, rare.manual, 0.6))],
            stream: true
          },
          tagged('team:product', 'app:guide')
        )
        for await (const _ of stream);
      }
    },
    {
      share: 15,
      ask: () =>
        sorting.chat.completions.create(
          { model: 'gpt-4o-mini', temperature: 0, messages: [user(rare.ticket(random))] },
          tagged('team:support', 'nightly')
        )
    },
    {
      share: 9,
      ask: () =>
        research.messages.create(
          { model: 'claude-haiku-4-5', max_tokens: 600, messages: [user(rare.zoning(random))] },
          tagged('app:zoning', 'masterplan:42')
        )
    },
    {
      share: 3,
      ask: () =>
        tests.chat.completions.create(
          { model: 'gpt-4o', messages: [user(`Draft ${Math.floor(random() * 1e6)} of a slogan for a lamp`)] },
          random() < 0.3 ? { headers: { 'cache-control': 'no-store' } } : tagged('app:experiments')
        )
    },
    {
      share: 9,
      ask: () =>
        helpdesk.embeddings.create({ model: 'text-embedding-3-large', input: passage(random) }, tagged('app:search'))
    },
    {
      share: 8,
      ask: () => shown.search({ query: question(manual, rare.manual, 0.35), collection: 'handbook', topK: 4 })
    }
  ]
}
