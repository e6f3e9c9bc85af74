import { describe, expect, it } from 'vitest'
import { fromAliases } from './aliases.ts'

describe('variables by other names', () => {
  it('say what the settings say', () => {
    expect(
      fromAliases({
        CACHE_REDIS_URL: 'redis://localhost:6379/0',
        CACHE_ENABLED: 'true',
        CACHE_SEMANTIC_CACHE_THRESHOLD: '0.95',
        CACHE_REDIS_PASSWORD: 'hush',
        MGE_V2_LLM_CACHE_ENABLED: 'false',
        MGE_V2_RAG_CACHE_ENABLED: 'off'
      })
    ).toEqual({
      store: 'redis://localhost:6379/0',
      'redis-password': 'hush',
      'min-similarity': 0.95,
      switches: { cache: true, llm: false, retrieval: false }
    })
  })

  it('say nothing where they are not set, or empty', () => {
    expect(fromAliases({ CACHE_ENABLED: '', CACHE_REDIS_URL: '', CACHE_REDIS_SSL: '', REPRISE_PORT: '1' })).toEqual({})
  })

  it.each(['true', '1', 'yes', 'on', 'TRUE', 'On', ' yes '])('take %j for on', (word) => {
    expect(fromAliases({ CACHE_ENABLED: word })).toEqual({ switches: { cache: true } })
  })

  it.each(['false', '0', 'no', 'off', 'FALSE', 'No'])('take %j for off', (word) => {
    expect(fromAliases({ CACHE_ENABLED: word })).toEqual({ switches: { cache: false } })
  })

  it.each(['CACHE_ENABLED', 'MGE_V2_LLM_CACHE_ENABLED', 'MGE_V2_RAG_CACHE_ENABLED', 'CACHE_REDIS_SSL'])(
    'refuse a word that is neither, naming %s',
    (name) => {
      expect(() => fromAliases({ [name]: 'perhaps' })).toThrow(
        expect.objectContaining({
          code: 'invalid-option',
          message: `${name}: expected one of true, 1, yes, on, false, 0, no, off, got "perhaps"`
        })
      )
    }
  )

  it.each([
    ['redis://cache:6379/1', 'true', 'rediss://cache:6379/1'],
    ['REDIS://cache', 'yes', 'rediss://cache'],
    ['rediss://cache', 'true', 'rediss://cache'],
    ['rediss://cache', 'false', 'rediss://cache'],
    ['redis://cache', 'false', 'redis://cache']
  ])('make of %s with TLS %s %s', (url, ssl, store) => {
    expect(fromAliases({ CACHE_REDIS_URL: url, CACHE_REDIS_SSL: ssl })).toEqual({ store })
  })

  it('refuse an address of another kind, without saying the password in it', () => {
    expect(() => fromAliases({ CACHE_REDIS_URL: 'http://user:hush@cache' })).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        message: expect.stringMatching(/^CACHE_REDIS_URL: expected redis:\/\/(?!.*hush)/)
      })
    )
  })

  it.each(['0', '1.1', 'high', '-0.5', 'NaN'])('refuse a similarity of %s', (text) => {
    expect(() => fromAliases({ CACHE_SEMANTIC_CACHE_THRESHOLD: text })).toThrow(
      `CACHE_SEMANTIC_CACHE_THRESHOLD: expected a cosine above 0 and at most 1, got "${text}"`
    )
  })

  it('are not read where the setting has its own variable', () => {
    expect(
      fromAliases({
        REPRISE_STORE: 'redis://own',
        REPRISE_MIN_SIMILARITY: '0.8',
        CACHE_REDIS_URL: 'nonsense',
        CACHE_REDIS_SSL: 'nonsense',
        CACHE_REDIS_PASSWORD: 'of another server',
        CACHE_SEMANTIC_CACHE_THRESHOLD: 'nonsense'
      })
    ).toEqual({})
    expect(fromAliases({ REPRISE_REDIS_PASSWORD: 'own', CACHE_REDIS_PASSWORD: 'other' })).toEqual({})
    expect(fromAliases({ REPRISE_STORE: '', CACHE_REDIS_URL: 'redis://cache' })).toEqual({ store: 'redis://cache' })
  })
})
