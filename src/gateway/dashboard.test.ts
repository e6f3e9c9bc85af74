import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminStand, adminStand } from '../../test/support/admin-stand.ts'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { RepriseError } from '../core/errors.ts'
import { dashboard } from './dashboard.ts'

let folder: TemporaryFolder
let stand: AdminStand

const files = {
  'index.html': '<!doctype html><title>Reprise</title>',
  'icon.svg': '<svg/>',
  'assets/index-A1b2_C3-.js': 'export {}',
  'assets/index-A1b2_C3-.css': 'a{}',
  'assets/deep/er/photo.png': 'png',
  'manifest.json': '{}',
  'unknown.wasm': 'wasm',
  '.hidden': 'hidden'
}

beforeAll(async () => {
  folder = temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder.path, 'built', name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, content)
  }
  writeFileSync(join(folder.path, 'secret.txt'), 'secret')
  const refuse = (): never => {
    throw new RepriseError('unauthorized', 'nobody may')
  }
  stand = await adminStand(dashboard(pathToFileURL(`${folder.path}/built/`)), refuse)
})

afterAll(async () => {
  await stand.close()
  folder.remove()
})

/** What is answered to a path as it is written, not tidied up by a client. */
async function raw(path: string): Promise<string> {
  const socket = connect(Number(new URL(stand.url).port), '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`)
  return text(socket)
}

describe('the dashboard', () => {
  it('is a page that anybody may have', async () => {
    const page = await fetch(`${stand.url}/dashboard/`)
    expect(page.status).toBe(200)
    expect(await page.text()).toBe(files['index.html'])
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  })

  it('is found without its slash too, below whatever path the gateway is reached', async () => {
    const redirect = await fetch(`${stand.url}/dashboard`, { redirect: 'manual' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, 'dashboard/'])
    const followed = await fetch(`${stand.url}/dashboard`)
    expect([followed.url, await followed.text()]).toEqual([`${stand.url}/dashboard/`, files['index.html']])
  })

  it.each([
    ['index.html', 'text/html; charset=utf-8'],
    ['icon.svg', 'image/svg+xml'],
    ['assets/index-A1b2_C3-.js', 'text/javascript; charset=utf-8'],
    ['assets/index-A1b2_C3-.css', 'text/css; charset=utf-8'],
    ['assets/deep/er/photo.png', 'image/png'],
    ['manifest.json', 'application/json'],
    ['unknown.wasm', 'application/octet-stream']
  ] as const)('has %s as %s', async (name, type) => {
    const file = await fetch(`${stand.url}/dashboard/${name}`)
    expect([file.status, file.headers.get('content-type'), await file.text()]).toEqual([200, type, files[name]])
    expect(file.headers.get('content-length')).toBe(String(Buffer.byteLength(files[name])))
  })

  it('lets a browser ask nobody else, run nothing inline, and show it in no frame', async () => {
    for (const name of ['', 'assets/index-A1b2_C3-.js']) {
      const { headers } = await fetch(`${stand.url}/dashboard/${name}`)
      const policy = headers.get('content-security-policy')?.split('; ') ?? []
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("base-uri 'none'")
      expect(policy.join(' ')).not.toMatch(/unsafe|https?:|\*/)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
    }
  })

  it('is kept by browsers only under names that change with what is in them', async () => {
    const kept = async (name: string): Promise<string | null> =>
      (await fetch(`${stand.url}/dashboard/${name}`)).headers.get('cache-control')
    expect(await kept('assets/index-A1b2_C3-.js')).toBe('public, max-age=31536000, immutable')
    for (const name of ['', 'index.html', 'icon.svg']) expect(await kept(name)).toBe('no-cache')
  })

  it.each([
    '/dashboard/../secret.txt',
    '/dashboard/assets/../../secret.txt',
    '/dashboard/%2e%2e/secret.txt',
    '/dashboard/%2e%2e%2fsecret.txt',
    '/dashboard/..%2fsecret.txt',
    '/dashboard/..%5csecret.txt',
    '/dashboard\\..\\secret.txt',
    '/dashboard/assets\\..\\..\\secret.txt',
    '/dashboard/.%00./secret.txt',
    '/dashboard/index.html%00.js',
    '/dashboard/index.html%00',
    '/dashboard//etc/passwd',
    '/dashboard/%2fetc%2fpasswd',
    '/dashboard/file:%2f%2f%2fetc%2fpasswd',
    '/dashboard/file:///etc/passwd',
    '/dashboard//127.0.0.1/x',
    '/dashboard/.hidden',
    '/dashboard/%2ehidden',
    '/dashboard/assets/.',
    '/dashboard/assets/..',
    '/dashboard/index..html',
    '/dashboard/index.html/',
    '/dashboard/index.html.',
    '/dashboard/%252e%252e%252fsecret.txt',
    '/dashboard/C:/secret.txt',
    '/dashboard/..;/secret.txt'
  ])('does not lead out of its folder, nor to what is hidden in it: %s', async (path) => {
    const said = await raw(path)
    expect(said).toMatch(/^HTTP\/1\.1 40[04] /)
    expect(said).not.toMatch(/\r\n\r\n(secret|hidden|root:)/)
  })

  it.each(['missing.js', 'assets', 'assets/index'])('says that it does not have %s', async (name) => {
    const message = `the dashboard has no "${name}"`
    expect(await stand.ask('GET', `/dashboard/${name}`)).toEqual({ status: 404, body: { code: 'not-found', message } })
  })

  it('has no file under a name that no file system takes', async () => {
    expect(await stand.ask('GET', `/dashboard/${'a/'.repeat(4000)}b`)).toMatchObject({ status: 404 })
    expect(await stand.ask('GET', `/dashboard/${'a'.repeat(4000)}`)).toMatchObject({ status: 404 })
  })

  it('says how it is built where it has not been', async () => {
    const other = await adminStand(dashboard(pathToFileURL(`${folder.path}/nothing/`)))
    const message = 'the dashboard has not been built: npm run build'
    expect(await other.ask('GET', '/dashboard/')).toEqual({ status: 404, body: { code: 'not-found', message } })
    await other.close()
  })
})
