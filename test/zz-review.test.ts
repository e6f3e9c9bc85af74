import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { startGateway } from '../src/gateway/gateway.ts'
import { createCache } from '../src/cache.ts'
import { createRouter } from '../src/router/open.ts'
import { loadSettings } from '../src/config/load.ts'
import { simulatedProvider } from '../src/testing/simulated-provider.ts'

describe('review', () => {
  it('A upgrade reset', async () => {
    const g = await startGateway({ port: 0, store: 'memory:' })
    const { port } = new URL(g.url)
    const seen: unknown[] = []
    const hear = (e: unknown) => void seen.push(e)
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', hear)
    for (let i = 0; i < 5; i++)
      await new Promise<void>((resolve) => {
        const c = connect(Number(port), '127.0.0.1', () => {
          c.write('GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
          setImmediate(() => c.resetAndDestroy())
        })
        c.on('error', () => {})
        c.on('close', () => setTimeout(resolve, 20))
      })
    process.removeListener('uncaughtException', hear)
    for (const l of before) process.on('uncaughtException', l)
    await g.close(0)
    expect(seen).toEqual([])
  })
  it('B secret in error', () => {
    writeFileSync('/tmp/zz.yaml', 'providers:\n  openai:\n    key: sk-secret\n    concurrency: 0\n')
    expect(() => loadSettings(['--config', '/tmp/zz.yaml'], {})).not.toThrow(/sk-secret/)
  })
  it('C fetch hangs', async () => {
    const p = await simulatedProvider()
    const router = createRouter({ providers: { openai: { url: p.openaiUrl, key: 'k' } } })
    const cache = await createCache()
    const { fetch } = cache.completions(router)
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
    const out: unknown[] = []
    const hear = (e: unknown) => void out.push(['unhandled', String(e)])
    const before = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', hear)
    for (const status of [304, 620]) {
      p.fail({ status })
      const r = await Promise.race([
        fetch('http://x/v1/chat/completions', { method: 'POST', body }).then((x) => x.status, String),
        new Promise((res) => setTimeout(() => res('hung'), 500))
      ])
      out.push([status, r])
    }
    process.removeListener('unhandledRejection', hear)
    for (const l of before) process.on('unhandledRejection', l)
    await cache.close(); await router.close(); await p.close()
    console.log(JSON.stringify(out))
  })
  it('D tags grow', async () => {
    let stored = 0
    const cache = await createCache({ staleWhileRevalidateMs: 100000, observe: (e) => { if (e.type === 'refreshed') stored++ } })
    for (let i = 0; i < 8; i++) {
      await cache.getOrSet('k', () => i, { tags: [`trace:${i}`], ttlMs: 1 })
      await new Promise((r) => setTimeout(r, 15))
    }
    const n: number[] = []
    for (let i = 0; i < 8; i++) n.push(await cache.invalidate({ tag: `trace:${i}` }).then(async (c) => { if (c) await cache.getOrSet('k', () => 1, { tags: [], ttlMs: 1 }); return c }))
    console.log('refreshed', stored, n)
    await cache.close()
  })
  it('E gzip bypasses the budget', async () => {
    const { gzipSync } = await import('node:zlib')
    const p = await simulatedProvider()
    const g = await startGateway({ port: 0, store: 'memory:', openaiUrl: p.openaiUrl, openaiKey: 'operator', budgets: [{ name: 'none', limitUsd: 0 }] })
    const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x' }] })
    const a = await fetch(`${g.url}/v1/chat/completions`, { method: 'POST', body })
    const b = await fetch(`${g.url}/v1/chat/completions`, { method: 'POST', body: gzipSync(body), headers: { 'content-encoding': 'gzip' } })
    console.log(a.status, b.status, p.count(), p.calls.map((c) => c.headers.authorization))
    await g.close(0); await p.close()
  })
  it('G batch of two models', async () => {
    const a = await simulatedProvider({ embed: () => [1, 0] } as never)
    const b = await simulatedProvider({ embed: () => [0, 1, 0] } as never)
    const g = await startGateway({ port: 0, store: 'memory:', providers: { openai: { url: a.openaiUrl, key: 'k' }, local: { url: b.openaiUrl, key: 'k' } },
      routes: [{ model: 'e', targets: ['openai', 'local/other'], retry: { attempts: 0 } }] })
    const ask = async (input: string[]) => { const r = await fetch(`${g.url}/v1/embeddings`, { method: 'POST', body: JSON.stringify({ model: 'e', input }) }); return [r.headers.get('cache-status'), r.headers.get('x-reprise-fallback'), await r.text()] }
    await ask(['x'])
    a.fail({ every: { status: 500 } })
    console.log(await ask(['x', 'y']))
    await g.close(0); await a.close(); await b.close()
  })
  it('H lone surrogate', async () => {
    const p = await simulatedProvider()
    const g = await startGateway({ port: 0, store: 'memory:', providers: { openai: { url: p.openaiUrl, key: 'k', prices: { '*': { input: 1, output: 1 } } } }, budgets: [{ name: 'each', per: 'model', limitUsd: 0 }] })
    const out: unknown[] = []
    const hear = (e: unknown) => void out.push(['unhandled', String(e)])
    const before = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', hear)
    const r = await Promise.race([fetch(`${g.url}/v1/chat/completions`, { method: 'POST', body: '{"model":"a\\ud800","messages":[{"role":"user","content":"x"}]}' }).then((x) => x.status, String), new Promise((res) => setTimeout(() => res('hung'), 800))])
    process.removeListener('unhandledRejection', hear)
    for (const l of before) process.on('unhandledRejection', l)
    console.log(r, out)
    await g.close(0); await p.close()
  })
  it('I invalidate during refresh', async () => {
    const cache = await createCache({ staleWhileRevalidateMs: 100000 })
    await cache.getOrSet('k', () => 1, { tags: ['t'], ttlMs: 5 })
    await new Promise((r) => setTimeout(r, 20))
    let go = (_: number): void => {}
    const slow = new Promise<number>((r) => { go = r })
    await cache.getOrSet('k', () => slow, { ttlMs: 60000 })
    await new Promise((r) => setTimeout(r, 20))
    const gone = await cache.invalidate({ tag: 't' })
    go(2)
    await new Promise((r) => setTimeout(r, 20))
    console.log('gone', gone, 'then', await cache.get('k'))
    await cache.close()
  })
  it('J close hangs', async () => {
    const cache = await createCache({ staleWhileRevalidateMs: 100000, switches: { 'single-flight': false } })
    await cache.getOrSet('k', () => 1, { ttlMs: 5 })
    await new Promise((r) => setTimeout(r, 20))
    await cache.getOrSet('k', () => new Promise<number>(() => {}), { ttlMs: 60000 })
    await new Promise((r) => setTimeout(r, 20))
    console.log(await Promise.race([cache.close().then(() => 'closed'), new Promise((r) => setTimeout(() => r('hung'), 500))]))
  })
})
