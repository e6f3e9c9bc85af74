import { parseObject } from '../core/json.ts'
import { answerText } from '../jobs/answer-text.ts'
import type { AskedInVain } from '../jobs/ask-all.ts'
import type { AskAtom } from '../plans/ask-atom.ts'
import { wires } from '../wires/open.ts'
import { askGateway } from './ask-gateway.ts'
import { type DialectName, headersFor, type Keys } from './dialect-headers.ts'
import type { GatewayConnection } from './gateway-connection.ts'

/** Asks a plan's atoms through a gateway, with these keys. What `askGateway` throws is thrown. */
export function askAtom(gateway: GatewayConnection, keys: Keys): AskAtom {
  return async function ask(request, signal) {
    const { path, body, tags, ttl, scope, batch } = request
    const question = {
      dialect: dialectOf(path),
      path,
      body: JSON.stringify(body),
      tags,
      batch,
      ...(ttl === undefined ? {} : { ttl }),
      ...(scope === undefined ? {} : { scope })
    }
    const asked = await askGateway(gateway, (dialect) => headersFor(dialect, keys), question, signal)
    if (!asked.ok) return withRemedy(asked, question.dialect, keys)
    const { layer, isHit, savedUsd, text } = asked.answer
    const said = parseObject(text)
    const { text: words, lack } = said === undefined ? noJson : answerText(path, said)
    // Nothing is gained by asking again, and it was paid for.
    if (words === undefined) {
      return { ok: false, status: 200, message: lack, mayPass: false, concernsAll: false, costUsd: asked.costUsd }
    }
    const usage = said === undefined ? undefined : wireOf(path)?.usage(said)
    return {
      ok: true,
      costUsd: asked.costUsd,
      answer: {
        text: words,
        layer,
        isHit,
        ...(savedUsd === undefined ? {} : { savedUsd }),
        ...(usage === undefined ? {} : { usage: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens } })
      }
    }
  }
}

/** Without a key a provider says that there is none, and not where it is looked for. */
function withRemedy(vain: AskedInVain, dialect: DialectName, keys: Keys): AskedInVain {
  if (vain.status !== 401 || keys[dialect] !== undefined) return vain
  const name = dialect === 'openai' ? 'OPENAI_API_KEY' : 'ANTHROPIC_API_KEY'
  return { ...vain, message: `${vain.message} (${name} is not set: give it the key)` }
}

const noJson = { text: undefined, lack: 'expected an answer in JSON, got something else' } as const

function wireOf(path: string): (typeof wires)[number] | undefined {
  return wires.find((wire) => `/v1${wire.path}` === path)
}

function dialectOf(path: string): DialectName {
  return wireOf(path)?.dialect.name ?? 'openai'
}
