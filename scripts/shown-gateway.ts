import { setTimeout as delay } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { createCache } from '../src/cache.ts'
import type { Documents, RetrievalRequest } from '../src/core/retrieval-kind.ts'
import { type Gateway, startGateway } from '../src/gateway/gateway.ts'
import { Statistics } from '../src/metrics/statistics.ts'
import { embeddedStore } from '../src/stores/embedded.ts'
import { hashOf, seeded } from '../src/testing/simulated/seeded.ts'
import { type Delay, type SimulatedProvider, simulatedProvider } from '../src/testing/simulated-provider.ts'
import { temporaryFolder } from '../test/support/temporary-folder.ts'
import { WordsEmbedder } from '../test/support/words-embedder.ts'
import { answerTo } from './talk.ts'

/** A real gateway before simulated providers, and all who call it. */
export interface ShownGateway {
  readonly gateway: Gateway
  readonly adminToken: string
  readonly embedder: WordsEmbedder
  readonly providers: { readonly openai: SimulatedProvider; readonly azure: SimulatedProvider }
  /** A caller has its own key, and shares with nobody. */
  openai(caller: string): OpenAI
  anthropic(caller: string): Anthropic
  /** A search of a program that uses the library, on the gateway's store and with its statistics. */
  search(request: RetrievalRequest): Promise<unknown>
  close(): Promise<void>
}

const adminToken = 'shown'
/** As models of this size take: some half a second to the first token, and eighty a second from then on. */
const pace: Delay = { firstTokenMs: 520, perTokenMs: 12, jitter: 0.5 }

/** @param now the clock that the statistics go by */
export async function startShownGateway(now: () => number): Promise<ShownGateway> {
  const folder = temporaryFolder()
  const [openai, azure, anthropic] = await Promise.all([provider(pace), provider(slower(1.6)), provider(slower(1.25))])
  const store = await embeddedStore({ folder: folder.path, maxBytes: 64 * 1024 ** 2 })
  const statistics = new Statistics({ now })
  const embedder = new WordsEmbedder()
  const common = { store, statistics, embedder, deadlineMs: 1000 }
  const library = await createCache(common)
  const gateway = await startGateway({
    ...common,
    port: 0,
    adminToken,
    openaiUrl: openai.openaiUrl,
    anthropicUrl: anthropic.anthropicUrl,
    openaiKey: 'sk-openai',
    anthropicKey: 'sk-anthropic',
    providers: {
      'azure-eu': {
        kind: 'compatible',
        url: azure.openaiUrl,
        key: 'sk-azure',
        prices: { 'gpt-4o*': { input: 2.5, output: 10 }, 'text-embedding-3-large': { input: 0.13, output: 0 } }
      }
    },
    routes: [
      {
        model: 'gpt-4o',
        strategy: 'loadbalance',
        targets: [
          { provider: 'openai', weight: 3 },
          { provider: 'azure-eu', weight: 1 }
        ],
        breaker: { failures: 3, leftOutMs: 25_000 }
      },
      { model: 'gpt-4o-mini', targets: ['openai', 'anthropic/claude-haiku-4-5'] },
      { model: 'text-embedding-3-large', targets: ['openai', 'azure-eu'] },
      { model: 'claude-*', targets: ['anthropic'] }
    ],
    budgets: [
      { name: 'everything', limitUsd: 15, period: 'month' },
      { name: 'each team', limitUsd: 4.8, per: 'tag', tag: 'team:*', period: 'day' },
      { name: 'experiments', limitUsd: 0.39, tag: 'app:experiments', period: 'day' }
    ]
  })
  const retrievals = library.retrievals(async (request) => {
    const tookMs = 90 + 140 * seeded(request.query)()
    await delay(tookMs)
    return { value: found(request), origin: { layer: 'provider', tookMs } }
  })
  const quietly = { maxRetries: 0, logLevel: 'off' } as const
  return {
    gateway,
    adminToken,
    embedder,
    providers: { openai, azure },
    openai: (caller) => new OpenAI({ apiKey: `sk-${caller}`, baseURL: `${gateway.url}/v1`, ...quietly }),
    anthropic: (caller) => new Anthropic({ apiKey: `sk-${caller}`, baseURL: gateway.url, ...quietly }),
    search: (request) => retrievals(request, library.contextOf({ tags: ['app:search'] })),
    async close() {
      await gateway.close(0)
      await library.close()
      for (const each of [openai, azure, anthropic]) await each.close()
      folder.remove()
    }
  }
}

function provider(own: Delay): Promise<SimulatedProvider> {
  return simulatedProvider({
    delay: own,
    answer({ lastUserText, body }) {
      const text = answerTo(lastUserText, seeded(hashOf(body)))
      return text === undefined ? undefined : { text }
    }
  })
}

function slower(times: number): Delay {
  return { ...pace, firstTokenMs: pace.firstTokenMs * times, perTokenMs: pace.perTokenMs * times }
}

/** Four passages of a handbook, as follow from the query. */
function found({ query, topK = 4 }: RetrievalRequest): Documents {
  const random = seeded(query)
  return Array.from({ length: topK }, () => {
    const id = Math.floor(random() * 400)
    return { id, text: `Passage ${id} of the handbook, which speaks of: ${query}` }
  })
}
