import { describe, expect, it } from 'vitest'
import { withoutCredentialParameters, withoutCredentials } from './credentials.ts'

describe('withoutCredentials', () => {
  it.each([
    'authorization',
    'Authorization',
    'x-api-key',
    'X-API-Key',
    'api-key',
    'x-goog-api-key',
    'openai-organization',
    'OpenAI-Project',
    'cookie',
    'proxy-authorization',
    'x-auth-token',
    'x-amz-security-token',
    'helicone-auth',
    'cf-access-jwt-assertion',
    'ocp-apim-subscription-key',
    'x_api_key',
    'authentication',
    'x-user-credentials',
    'x-forwarded-access-token',
    'x-password',
    'x-jwt',
    'x-session'
  ])('leaves %s behind', (name) => {
    expect(withoutCredentials({ [name]: 'secret', accept: 'a' })).toEqual({ accept: 'a' })
  })

  it.each([
    'accept',
    'anthropic-beta',
    'anthropic-version',
    'content-type',
    'idempotency-key',
    'openai-beta',
    'traceparent',
    'user-agent',
    'x-request-id',
    'x-stainless-retry-count',
    'x-author'
  ])('keeps %s', (name) => {
    expect(withoutCredentials({ [name]: 'value' })).toEqual({ [name]: 'value' })
  })

  it('keeps what a WebSocket is to speak, without the key and the account that a browser puts there', () => {
    const name = 'sec-websocket-protocol'
    const spoken = 'realtime, openai-insecure-api-key.secret, openai-organization.org, openai-beta.realtime-v1'
    expect(withoutCredentials({ [name]: spoken })).toEqual({ [name]: 'realtime, openai-beta.realtime-v1' })
    expect(withoutCredentials({ [name]: 'openai-insecure-api-key.secret' })).toEqual({})
  })
})

describe('withoutCredentialParameters', () => {
  it.each([
    ['/chat/completions', '/chat/completions'],
    ['/models?key=secret', '/models'],
    ['/models?limit=2&api-key=secret&after=%2Fa+b', '/models?limit=2&after=%2Fa+b'],
    ['/models?%6Bey=secret&API_KEY=secret&access_token=secret', '/models'],
    ['/models?metadata[key]=a&keys=b&monkey', '/models?metadata[key]=a&keys=b&monkey'],
    ['/models?a=b&&', '/models?a=b&&'],
    ['/models?%=1&key', '/models?%=1'],
    ['/models?token=secret&auth=secret&limit=2&client_secret=secret&access-token=secret', '/models?limit=2']
  ])('makes of %s %s', (path, expected) => {
    expect(withoutCredentialParameters(path)).toBe(expected)
  })
})
