import { describe, expect, it } from 'vitest'
import { parseRedisUrl, withoutPassword } from './redis-address.ts'

describe('parseRedisUrl', () => {
  it('reads all that a URL can say', () => {
    expect(parseRedisUrl('rediss://us%2Fer:p%40ss%3A@cache.example:7000/3?prefix=app:')).toEqual({
      host: 'cache.example',
      port: 7000,
      isTls: true,
      database: 3,
      username: 'us/er',
      password: 'p@ss:',
      prefix: 'app:'
    })
  })

  it('takes the port 6379 and database 0 when it says neither', () => {
    const least = { host: 'localhost', port: 6379, isTls: false, database: 0 }
    for (const url of ['redis://localhost', 'redis://localhost/', 'redis://localhost:6379/0']) {
      expect(parseRedisUrl(url)).toEqual(least)
    }
  })

  it('knows an IPv6 address, and a password without a user', () => {
    expect(parseRedisUrl('redis://:secret@[::1]:7001')).toMatchObject({ host: '::1', port: 7001, password: 'secret' })
    expect(parseRedisUrl('redis://:secret@[::1]:7001')).not.toHaveProperty('username')
  })

  it.each([
    'redis://',
    'redis:///0',
    'http://user:geheim@host',
    'redis://user:geheim@host/db',
    'redis://user:geheim@host/1/2',
    'redis://user:geheim@host:port',
    'redis://user:ge/heim@host',
    'redis://user:%zzgeheim@host',
    'redis://host?password=geheim',
    'redis://host?prefix=a&password=geheim'
  ])('refuses %j, and does not repeat the password', (url) => {
    const refuse = (): unknown => parseRedisUrl(url)
    expect(refuse).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    expect(refuse).toThrow(/expected redis:\/\//)
    try {
      refuse()
    } catch (error) {
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/geheim|heim@/)
    }
  })
})

describe('withoutPassword', () => {
  it.each([
    ['redis://user:geheim@host:1/2?prefix=app:', 'redis://host:1/2?prefix=app:'],
    ['rediss://:geheim@host', 'rediss://host'],
    ['redis://user:ge@heim@host', 'redis://host'],
    ['redis://user:ge/heim@host', 'redis://host'],
    ['redis://user:ge\nheim@host', 'redis://host'],
    ['redis://user:geheim@[::1]:7000', 'redis://[::1]:7000'],
    ['redis:geheim@host', 'host'],
    ['redis://host?password=geheim', 'redis://host'],
    ['redis://host:1', 'redis://host:1'],
    ['anything else', 'anything else']
  ])('makes %j into %j', (text, expected) => {
    expect(withoutPassword(text)).toBe(expected)
  })
})
