import type { IncomingMessage, ServerResponse } from 'node:http'
import { RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import { switchNames } from '../core/switch-names.ts'
import { type Switches, switchNamed } from '../layers/switches.ts'
import { writeJson } from './write-json.ts'

/**
 * `GET /switches` says how the switches stand; `PUT /switches/{name}` with `{"on": false}`, or `{"enabled": false}`,
 * switches in all processes that share the store, and says how they stand then.
 * @throws RepriseError `not-found`, `invalid-body`, `conflict`, and what the store fails with
 */
export async function answerSwitches(
  switches: Pick<Switches, 'set' | 'states'>,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  raw: Buffer
): Promise<void> {
  const { method = 'GET' } = request
  const named = /^\/switches\/([^/]+)$/.exec(path)?.[1]
  if (method === 'PUT' && named !== undefined) await switches.set(nameOf(named), wanted(raw))
  else if (method !== 'GET' || path !== '/switches') {
    throw new RepriseError('not-found', `expected GET /switches or PUT /switches/{name}, got ${method} ${path}`)
  }
  writeJson(response, 200, { switches: switches.states() })
}

function nameOf(named: string): NonNullable<ReturnType<typeof switchNamed>> {
  const name = switchNamed(named)
  if (name !== undefined) return name
  throw new RepriseError('not-found', `no switch ${JSON.stringify(named)}; there are ${switchNames.join(', ')}`)
}

const expected = 'expected {"on": true} or {"on": false}'

function wanted(raw: Buffer): boolean {
  let body: unknown
  try {
    body = JSON.parse(raw.toString())
  } catch (error) {
    const got = raw.length === 0 ? 'an empty body' : 'what is not JSON'
    throw new RepriseError('invalid-body', `${expected}, got ${got}`, { cause: error })
  }
  if (!isObject(body)) throw new RepriseError('invalid-body', `${expected}, got ${clipped(body)}`)
  const { on = body['enabled'], enabled = on } = body
  const isClear = typeof on === 'boolean' && enabled === on
  if (isClear) return on
  throw new RepriseError('invalid-body', `${expected}, got ${clipped(body)}`, { field: 'on' })
}

/** As much of it as a message bears. */
function clipped(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
