import type { Cache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { readSelection, type Selection, selectionNames } from '../core/selection.ts'
import type { AdminRoute } from './administration.ts'
import { clipped, jsonBody } from './json-body.ts'
import { writeJson } from './write-json.ts'

/**
 * `POST /cache/invalidate` with one of `key`, `prefix`, `pattern`, `tag`, `model`, `kind` or `all: true`, and `dryRun`:
 * says how many entries went, or would go.
 */
export function invalidation(cache: Pick<Cache, 'invalidate'>): AdminRoute {
  return {
    method: 'POST',
    path: /^\/cache\/invalidate$/,
    usage: 'POST /cache/invalidate',
    async answer({ raw, response }) {
      const { dryRun = false, ...said } = jsonBody(raw, 'a JSON object such as {"tag": "run:7"}')
      if (typeof dryRun !== 'boolean') {
        const reason = `dryRun: expected true or false, got ${clipped(dryRun)}`
        throw new RepriseError('invalid-body', reason, { field: 'dryRun' })
      }
      const unknown = Object.keys(said).find((name) => !(selectionNames as readonly string[]).includes(name))
      if (unknown !== undefined) {
        const reason = `expected ${selectionNames.join(', ')} or dryRun, got ${clipped(unknown)}`
        throw new RepriseError('invalid-body', reason, { field: unknown })
      }
      const count = await cache.invalidate(selectionOf(said), { dryRun }).catch(refuse)
      writeJson(response, 200, { count, dryRun })
    }
  }
}

function selectionOf(said: Readonly<Record<string, unknown>>): Selection {
  for (const [name, value] of Object.entries(said)) {
    // It may be of any size, and nested too deep to be repeated.
    if (typeof value !== 'object') continue
    const reason = `${name}: expected ${name === 'all' ? 'true' : 'a text'}, got ${clipped(value)}`
    throw new RepriseError('invalid-body', reason, { field: name })
  }
  try {
    return readSelection(said)
  } catch (error) {
    return refuse(error)
  }
}

/** What nobody can select by is the caller's mistake here, and not one of who has set the gateway up. */
function refuse(error: unknown): never {
  if (!(error instanceof RepriseError) || error.code !== 'invalid-option') throw error
  const { field, message } = error
  throw new RepriseError('invalid-body', message, { cause: error, ...(field === undefined ? {} : { field }) })
}
