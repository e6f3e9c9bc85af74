import { afterEach, describe, expect, it } from 'vitest'
import { type AdminServer, adminServer } from '../../test/support/admin-server.ts'
import { adminClient, gatewayOf } from './admin-client.ts'

const servers: AdminServer[] = []

async function started(options: Parameters<typeof adminServer>[0] = {}): Promise<AdminServer> {
  const server = await adminServer(options)
  servers.push(server)
  return server
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

describe('the client of a gateway', () => {
  it('gets, posts and puts JSON, with the token', async () => {
    const server = await started({ token: 'secret' })
    const client = adminClient({ url: server.url, token: 'secret' })
    expect(await client.get('/switches')).toMatchObject({ switches: { exact: { on: true } } })
    expect(await client.post('/cache/invalidate', { tag: 'a' })).toEqual({ count: 12, dryRun: false })
    expect(await client.put('/switches/exact', { on: false })).toMatchObject({ switches: { exact: { on: false } } })
    expect(server.asked).toEqual([
      { method: 'GET', path: '/switches', body: undefined, token: 'secret' },
      { method: 'POST', path: '/cache/invalidate', body: { tag: 'a' }, token: 'secret' },
      { method: 'PUT', path: '/switches/exact', body: { on: false }, token: 'secret' }
    ])
  })

  it.each(['', '/', '/v1', '/v1/'])('is content with the address that an SDK has: with %j at the end', async (end) => {
    const server = await started()
    await adminClient({ url: `${server.url}${end}` }).get('/switches')
    expect(server.asked).toMatchObject([{ path: '/switches', token: undefined }])
  })

  it('says where to start a gateway when none answers', async () => {
    const server = await started()
    await server.close()
    const refusal = adminClient({ url: server.url }).get('/switches')
    await expect(refusal).rejects.toMatchObject({
      code: 'provider-unreachable',
      message: expect.stringMatching(
        /^no gateway answers at http:\S+ \(connect ECONNREFUSED .*\): start one \(reprise serve\)/
      )
    })
  })

  it.each([
    [undefined, 'wants its admin token, and none was found'],
    ['wrong', 'has another admin token']
  ])('says where the token comes from when it was %j', async (token, why) => {
    const server = await started({ token: 'secret' })
    const refusal: unknown = await adminClient({ url: server.url, token })
      .get('/switches')
      .catch((error) => error)
    expect(refusal).toMatchObject({ code: 'unauthorized', message: expect.stringContaining(why) })
    expect(String(refusal)).toMatch(/REPRISE_ADMIN_TOKEN .* by the user who started it \(.*admin-token\)/)
    expect(String(refusal)).not.toContain('wrong')
  })

  it("repeats the gateway's own words, on one line, with its code", async () => {
    const server = await started()
    const error = { message: 'the store\u001b[2J\ndoes not answer', code: 'store-unavailable' }
    server.instead.push({ status: 503, body: JSON.stringify({ error }) })
    await expect(adminClient({ url: server.url }).get('/switches')).rejects.toMatchObject({
      code: 'store-unavailable',
      status: 503,
      message: `the gateway at ${server.url} answers 503: the store [2J does not answer`
    })
  })

  it.each([
    { status: 200, body: '<html>' },
    { status: 404, body: 'not found' },
    { status: 200, body: '[]' },
    { status: 500, body: '{"error": "text"}' }
  ])('says that it is no gateway that answers %j', async (answer) => {
    const server = await started()
    server.instead.push(answer)
    await expect(adminClient({ url: server.url }).get('/switches')).rejects.toMatchObject({
      code: 'provider-malformed',
      message: expect.stringContaining(`is no Reprise gateway, or one of another version (status ${answer.status})`)
    })
  })

  it('takes the token nowhere else', async () => {
    const [server, elsewhere] = [await started(), await started()]
    server.instead.push({ status: 307, body: '', headers: { location: `${elsewhere.url}/switches` } })
    await expect(adminClient({ url: server.url, token: 'secret' }).get('/switches')).rejects.toThrow('status 307')
    expect(elsewhere.asked).toEqual([])
  })

  it.each(['127.0.0.1:4141', 'ftp://127.0.0.1', ''])('is not made for %j', async (url) => {
    await expect(gatewayOf('stats', url, {})).rejects.toMatchObject({
      exitCode: 2,
      message: `--url: expected a URL such as http://127.0.0.1:4141, got ${JSON.stringify(url)} (reprise stats --help lists all flags)`
    })
  })
})
