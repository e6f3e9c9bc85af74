import { describe, expect, it } from 'vitest'
import { providerHeaders } from './request-headers.ts'

describe("a request's headers, for its provider", () => {
  it('are without what is asked of the cache, in whosever words', () => {
    const asking = {
      'cache-control': 'no-cache',
      'x-reprise-tags': 'a',
      'x-portkey-cache': 'simple',
      'x-portkey-cache-force-refresh': 'true',
      'x-portkey-cache-namespace': 'n',
      'x-portkey-config': '{"cache":{"mode":"simple"}}',
      'helicone-cache-enabled': 'true',
      'helicone-cache-control': 'max-age=1',
      'helicone-cache-seed': 's',
      'helicone-cache-bucket-max-size': '1',
      'helicone-cache-ignore-keys': 'a',
      'cf-aig-cache-ttl': '60',
      'cf-aig-cache-key': 'k',
      'cf-aig-skip-cache': 'true',
      'cf-cache-ttl': '60',
      'cf-skip-cache': 'true'
    }
    expect(providerHeaders({ ...asking, authorization: 'Bearer sk' })).toEqual({ authorization: 'Bearer sk' })
  })

  it('keep credentials, and what else is said to a provider that is one of those caches', () => {
    const headers = {
      'helicone-auth': 'Bearer hk',
      'helicone-property-app': 'a',
      'x-portkey-api-key': 'pk',
      'x-portkey-virtual-key': 'vk',
      'x-portkey-provider': 'openai',
      'x-portkey-debug': 'false',
      'x-portkey-config': 'pc-1',
      'cf-aig-authorization': 'Bearer cf',
      'cf-aig-metadata': '{"user":1}',
      'cf-aig-collect-log': 'false'
    }
    expect(providerHeaders(headers)).toEqual(headers)
  })

  it('keep of a config what is not asked of the cache', () => {
    const config = { provider: 'openai', api_key: 'sk' }
    const headers = { 'x-portkey-config': JSON.stringify({ ...config, cache: { mode: 'simple' } }) }
    expect(providerHeaders(headers)).toEqual({ 'x-portkey-config': JSON.stringify(config) })
  })
})
