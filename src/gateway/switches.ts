import { RepriseError } from '../core/errors.ts'
import { switchNames } from '../core/switch-names.ts'
import { type Switches, switchNamed } from '../layers/switches.ts'
import type { AdminRoute } from './administration.ts'
import { clipped, jsonBody } from './json-body.ts'
import { writeJson } from './write-json.ts'

/**
 * `GET /switches` says how the switches stand; `PUT /switches/{name}` with `{"on": false}`, or `{"enabled": false}`,
 * switches in all processes that share the store, and says how they stand then.
 */
export function switching(switches: Pick<Switches, 'set' | 'states'>): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: /^\/switches$/,
      usage: 'GET /switches',
      answer: ({ response }) => writeJson(response, 200, { switches: switches.states() })
    },
    {
      method: 'PUT',
      path: /^\/switches\/([^/]+)$/,
      usage: 'PUT /switches/{name}',
      async answer({ caught: [named = ''], raw, response }) {
        await switches.set(nameOf(named), wanted(raw))
        writeJson(response, 200, { switches: switches.states() })
      }
    }
  ]
}

function nameOf(named: string): NonNullable<ReturnType<typeof switchNamed>> {
  const name = switchNamed(named)
  if (name !== undefined) return name
  throw new RepriseError('not-found', `no switch ${JSON.stringify(named)}; there are ${switchNames.join(', ')}`)
}

const expected = '{"on": true} or {"on": false}'

function wanted(raw: Buffer): boolean {
  const body = jsonBody(raw, expected)
  const { on = body['enabled'], enabled = on } = body
  if (typeof on === 'boolean' && enabled === on) return on
  throw new RepriseError('invalid-body', `expected ${expected}, got ${clipped(body)}`, { field: 'on' })
}
