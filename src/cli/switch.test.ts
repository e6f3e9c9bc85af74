import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminServer, adminServer } from '../../test/support/admin-server.ts'
import { switchCommand } from './switch.ts'

let server: AdminServer

beforeEach(async () => {
  server = await adminServer({ token: 'secret' })
})
afterEach(() => server.close())

async function run(...flags: readonly string[]): Promise<string> {
  let output = ''
  await switchCommand([...flags, '--url', server.url], {
    environment: { REPRISE_ADMIN_TOKEN: 'secret' },
    output: { write: (text) => (output += text) }
  })
  return output
}

describe('reprise switch', () => {
  it('shows how all stand', async () => {
    expect(await run()).toBe('switch\ncache     on\nexact     on\nsemantic  on\n')
    expect(server.asked).toMatchObject([{ method: 'GET', path: '/switches', token: 'secret' }])
  })

  it('sets one, and shows how all stand then', async () => {
    expect(await run('semantic', 'off')).toContain('semantic  off  set while it runs\n')
    expect(server.asked).toMatchObject([{ method: 'PUT', path: '/switches/semantic', body: { on: false } }])
    expect(await run('semantic', 'on')).toContain('semantic  on  set while it runs\n')
  })

  it.each([
    [['semantic'], 'expected NAME on or NAME off, or nothing, got semantic'],
    [['semantic', 'of'], 'got semantic of'],
    [['semantic', 'on', 'off'], 'got semantic on off'],
    [['--name', 'semantic'], "Unknown option '--name'"]
  ])('says what was expected and got with %j, and asks nothing', async (flags, message) => {
    await expect(run(...flags)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) })
    expect(server.asked).toEqual([])
  })

  it('says which there are for one that there is not', async () => {
    await expect(run('sematnic', 'off')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^expected one of cache, llm, .*batch, got "sematnic"/)
    })
  })

  it('passes on that it is switched off by configuration, which is no wrong usage', async () => {
    server.instead.push({ status: 409, body: '{"error": {"code": "conflict", "message": "off by configuration"}}' })
    const refusal: unknown = await run('semantic', 'on').catch((error) => error)
    expect(refusal).toMatchObject({ code: 'conflict', message: expect.stringContaining('off by configuration') })
    expect(refusal).not.toHaveProperty('exitCode')
  })
})
