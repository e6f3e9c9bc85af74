import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { adminGuard, isLoopback } from './admin.ts'

const host = '127.0.0.1:4141'

describe('without a token on this machine', () => {
  const guard = adminGuard({ loopback: true })
  const pass = (headers: IncomingHttpHeaders): void => guard({ headers })

  it.each([
    { host },
    { host: 'localhost:4141' },
    { host: 'LOCALHOST' },
    { host: '[::1]:4141' },
    { host, origin: `http://${host}` },
    { host: 'localhost', origin: 'http://localhost' },
    { host, 'sec-fetch-site': 'same-origin' },
    { host, 'sec-fetch-site': 'none' }
  ])('lets pass %o', (headers) => {
    expect(() => pass(headers)).not.toThrow()
  })

  it.each([
    {},
    { host: '' },
    { host: 'evil.example:4141' },
    { host: 'localhost.evil.example' },
    { host: '127.0.0.1.evil.example' },
    { host: '10.0.0.1:4141' },
    { host, origin: 'http://evil.example' },
    { host, origin: 'http://127.0.0.1:3000' },
    { host, origin: 'null' },
    { host, origin: '' },
    { host: 'evil.example', origin: 'http://evil.example' },
    { host, 'sec-fetch-site': 'cross-site' },
    { host, 'sec-fetch-site': 'same-site' }
  ])('refuses %o', (headers) => {
    expect(() => pass(headers)).toThrow(
      expect.objectContaining({ code: 'forbidden', message: expect.stringContaining('REPRISE_ADMIN_TOKEN') })
    )
  })
})

describe('without a token where other machines reach it', () => {
  it('refuses everyone, and says what to set', () => {
    expect(() => adminGuard({ loopback: false })({ headers: { host } })).toThrow(
      expect.objectContaining({ code: 'forbidden', message: expect.stringContaining('set REPRISE_ADMIN_TOKEN') })
    )
  })
})

describe.each([true, false])('with a token, listening on this machine only: %s', (loopback) => {
  const guard = adminGuard({ token: 'open sesame', loopback })

  it.each([
    { authorization: 'Bearer open sesame' },
    { authorization: 'bearer  open sesame' },
    { 'x-reprise-admin-token': 'open sesame' },
    // The provider's key may stand where the token could.
    { 'x-reprise-admin-token': 'open sesame', authorization: 'Bearer sk-a' },
    { 'x-reprise-admin-token': 'open sesame', host: 'gateway.example', origin: 'https://dashboard.example' }
  ])('lets pass %o', (headers) => {
    expect(() => guard({ headers })).not.toThrow()
  })

  it.each([
    { host },
    { authorization: 'open sesame' },
    { authorization: 'Bearer open' },
    { authorization: 'Bearer open sesame!' },
    { 'x-reprise-admin-token': '' },
    { 'x-reprise-admin-token': 'Open Sesame' }
  ])('refuses %o, and does not say the token', (headers) => {
    const refused = { code: 'unauthorized', message: expect.not.stringContaining('sesame') }
    expect(() => guard({ headers })).toThrow(expect.objectContaining(refused))
  })
})

describe('a guard', () => {
  it('cannot be made with an empty token', () => {
    expect(() => adminGuard({ token: '', loopback: true })).toThrow('admin-token: expected at least one character')
  })

  it('knows the addresses that only this machine reaches', () => {
    const hosts = ['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]', '0.0.0.0', '::', '192.168.0.1', 'example.com']
    expect(hosts.filter(isLoopback)).toEqual(hosts.slice(0, 5))
  })
})
