import { readFileSync } from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { GatewayOptions } from '../gateway/gateway.ts'
import { cacheFolder, type Settings } from './settings.ts'

/** The gateway's options, from the settings. */
export function assemble(settings: Settings): GatewayOptions {
  return {
    store: settings.store ?? `embedded:${cacheFolder()}`,
    ...given('port', settings.port),
    ...given('host', settings.host),
    ...given('maxBytes', settings['store-size']),
    ...given('password', settings['redis-password']),
    ...given('ca', settings['redis-ca'] === undefined ? undefined : readCertificate(settings['redis-ca'])),
    ...given('openaiUrl', settings['openai-url']),
    ...given('anthropicUrl', settings['anthropic-url']),
    ...given('openaiKey', settings['openai-key']),
    ...given('anthropicKey', settings['anthropic-key']),
    ...given('namespace', settings.namespace),
    ...given('tenancy', settings.tenancy),
    ...given('secret', settings.secret),
    ...given('ttl', settings.ttl as GatewayOptions['ttl']),
    ...given('graceMs', settings.grace),
    ...given('deadlineMs', settings.deadline),
    ...given('maxBodyBytes', settings['max-body'])
  }
}

function given<Name extends string, Value>(name: Name, value: Value): { readonly [Key in Name]?: NonNullable<Value> } {
  return value === undefined || value === null ? {} : ({ [name]: value } as { [Key in Name]: NonNullable<Value> })
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new RepriseError('invalid-option', `cannot read the certificate authority ${file}: ${messageOf(error)}`, {
      cause: error
    })
  }
}
