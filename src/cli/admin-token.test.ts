import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { tokenOfAnotherProcess } from '../../test/support/token-process.ts'
import { adminTokenFile, adminTokenFor, ensureAdminToken, readAdminToken } from './admin-token.ts'

let folder: TemporaryFolder
let environment: NodeJS.ProcessEnv
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  environment = { XDG_CACHE_HOME: join(folder.path, 'new') }
  file = join(folder.path, 'new', 'reprise', 'admin-token')
})
afterEach(() => folder.remove())

/** As if the gateway had made it, but for what is wrong with it. */
function put(text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, text)
  chmodSync(file, mode)
}

describe('the admin token', () => {
  it('is none where nobody has set or made one, and looking makes none', async () => {
    expect(await readAdminToken(environment)).toBeUndefined()
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('is made once: 32 random bytes in a file of its own, for this user only', async () => {
    const token = await ensureAdminToken(environment)
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(adminTokenFile(environment)).toBe(file)
    expect(readFileSync(file, 'utf8').trim()).toBe(token)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
    expect(await ensureAdminToken(environment)).toBe(token)
    expect(await readAdminToken(environment)).toBe(token)
    expect(readdirSync(dirname(file))).toEqual(['admin-token'])
  })

  it('is another one elsewhere', async () => {
    const other = { XDG_CACHE_HOME: join(folder.path, 'other') }
    expect(await ensureAdminToken(other)).not.toBe(await ensureAdminToken(environment))
  })

  it.each([
    ['calls in one process', 20, ensureAdminToken],
    ['processes', 5, tokenOfAnotherProcess]
  ])('is the same for all %s that start together', async (_, count, token) => {
    const tokens = new Set(await Promise.all(Array.from({ length: count }, () => token(environment))))
    expect([...tokens]).toEqual([readFileSync(file, 'utf8').trim()])
    expect(readdirSync(dirname(file))).toEqual(['admin-token'])
  })

  it('is what the environment says before what the file says, and then nothing is written', async () => {
    const given = { ...environment, REPRISE_ADMIN_TOKEN: 'given' }
    expect(await ensureAdminToken(given)).toBe('given')
    expect(existsSync(file)).toBe(false)
    put('written\n', 0o600)
    expect(await readAdminToken(given)).toBe('given')
    expect(await readAdminToken({ ...environment, REPRISE_ADMIN_TOKEN: '' })).toBe('written')
  })

  it.each([
    ['readable by the group', 'token', 0o640, /others on this machine can read or write it \(mode 640\): delete it/],
    ['readable by all', 'token', 0o604, /\(mode 604\)/],
    ['empty', '', 0o600, /is empty: delete it, and reprise serve makes a new one; or set REPRISE_ADMIN_TOKEN/],
    ['blank', ' \n', 0o600, /is empty/]
  ])('is not taken from a file that is %s', async (_, text, mode, message) => {
    put(text, mode)
    const refusal = { code: 'invalid-option', message: expect.stringMatching(message) }
    await expect(readAdminToken(environment)).rejects.toMatchObject(refusal)
    await expect(ensureAdminToken(environment)).rejects.toMatchObject(refusal)
  })

  it('says what to do when it cannot be written', async () => {
    writeFileSync(join(folder.path, 'new'), 'a file where the folder should be')
    await expect(ensureAdminToken(environment)).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('set REPRISE_ADMIN_TOKEN')
    })
  })

  it('is shown from the file to gateways of this machine only', async () => {
    put('written\n', 0o600)
    for (const url of ['http://127.0.0.1:4141', 'http://localhost', 'http://[::1]:80']) {
      expect(await adminTokenFor(url, environment)).toBe('written')
    }
    expect(await adminTokenFor('http://192.0.2.1:4141', environment)).toBeUndefined()
    expect(await adminTokenFor('http://192.0.2.1', { ...environment, REPRISE_ADMIN_TOKEN: 'given' })).toBe('given')
  })
})
