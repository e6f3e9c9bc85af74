import { describe, expect, it } from 'vitest'
import type { Budgets, Statistics, Switches } from '../../dashboard/src/api.ts'
import { compact, count, dollars, millis, percent, span } from '../../dashboard/src/format.ts'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { type Fleet, makeFleet } from '../support/fleet.ts'
import { type Ask, chat, message } from '../support/fleet-callers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'
import { canBrowse } from './chromium.ts'
import type { DashboardPage } from './dashboard-page.ts'
import { eventually, inBrowser } from './in-browser.ts'

const token = 'to/look+after'
const returning = 'Within how many days can I return an opened item?'
const delivery = 'When does a parcel to the islands arrive?'
const warranty = 'Is the warranty void after a repair by somebody else?'
const password = 'How do I reset my password?'
const paraphrase = 'How can I reset my passwords please?'
const thirty = 'Can I return an opened item that was on sale within 30 days?'
const ninety = 'Can I return an opened item that was on sale within 90 days?'

describe.runIf(canBrowse())('the dashboard of a real gateway', () => {
  const browser = inBrowser()

  async function start(options: GatewayOptions = {}): Promise<Fleet> {
    const fleet = await makeFleet({
      adminToken: token,
      store: 'memory:',
      embedder: new WordsEmbedder(),
      // Two busy cores shall not make a miss of a hit.
      deadlineMs: 10_000,
      ...options
    })
    browser.closeLater(() => fleet.close())
    return fleet
  }

  async function watch(fleet: Fleet): Promise<DashboardPage> {
    const opened = await browser.openAt(`${fleet.gateway.url}/dashboard/#token=${encodeURIComponent(token)}`)
    await opened.live()
    return opened
  }

  it("loads under the gateway's own policy, without a complaint or another host", async () => {
    const fleet = await start()
    const { headers } = await fetch(`${fleet.gateway.url}/dashboard/`)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    await chat(fleet, returning, { headers: { 'x-reprise-tags': 'team:support' } })
    await chat(fleet, returning)
    const { page, panel, dialog, complaints, foreign } = await watch(fleet)
    expect(page.url()).toBe(`${fleet.gateway.url}/dashboard/`)
    await eventually(() => page.locator('.plot canvas').count()).toBe(4)
    await panel('Switches').getByRole('switch', { name: 'exact' }).waitFor()
    await panel('Top entries').getByRole('button', { name: returning }).click()
    await dialog().getByText('As the provider said it').click()
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
  })

  it('asks for the token, and then shows what needs it', async () => {
    const fleet = await start()
    await chat(fleet, returning)
    await chat(fleet, returning)
    const { page, live, panel, figure } = await browser.openAt(`${fleet.gateway.url}/dashboard`)
    await live()
    expect(await figure('Requests').textContent()).toBe('2')
    await panel('Top entries').getByText('Needs the admin token.').waitFor()
    await page.getByPlaceholder('Admin token').fill('another')
    await page.keyboard.press('Enter')
    await page.getByText('The gateway did not take this token.').waitFor()
    await page.getByPlaceholder('Admin token').fill(token)
    await page.getByRole('button', { name: 'Unlock' }).click()
    await panel('Top entries').getByRole('button', { name: returning }).waitFor()
    await panel('Switches').getByRole('switch', { name: 'semantic' }).waitFor()
    expect(await page.getByPlaceholder('Admin token').count()).toBe(0)
  })

  it('follows the traffic, and says what the statistics say', async () => {
    const fleet = await start()
    const { page, panel, figure, complaints } = await watch(fleet)
    expect(await figure('Requests').textContent()).toBe('0')
    let sent = 0
    const traffic = (async () => {
      for (; sent < 400 && Number(await figure('Requests').textContent()) < 40; sent += 8) {
        await Promise.all(Array.from({ length: 8 }, (_, index) => ask(fleet, sent + index)))
      }
    })()
    await eventually(async () => Number(await figure('Requests').textContent())).toBeGreaterThan(0)
    await traffic
    const told = await report(fleet)
    expect(told.requests).toMatchObject({ total: sent, misses: asked(fleet), hits: sent - asked(fleet), joined: 0 })
    await eventually(() => figure('Requests').textContent()).toBe(count(sent))
    expect(await figure('Hit rate').textContent()).toBe(percent(told.combined_hit_rate))
    expect(await figure('Saved').textContent()).toBe(dollars(told.saved.usd))
    expect(await figure('Time saved').textContent()).toBe(span(told.saved.seconds))
    expect(await figure('Tokens saved').textContent()).toBe(compact(told.saved.tokens))
    expect(await figure('Median hit').textContent()).toBe(millis(told.latency.hit.p50_ms))
    expect(told.saved.usd).toBeGreaterThan(0)
    for (const { model, requests, saved_usd } of told.by_model) {
      const row = panel('By model').getByRole('row', { name: model })
      expect(await row.getByRole('cell').allTextContents()).toEqual(
        expect.arrayContaining([dollars(saved_usd), count(requests)])
      )
    }
    const legend = await page.locator('.main-chart .legend').last().textContent()
    expect(legend).toContain(`${count(sent)}from the cache ${count(told.requests.hits)}`)
    expect(complaints).toEqual([])
  })

  it('shows what was near and refused, by whom, and what the cache has answered by meaning', async () => {
    const fleet = await start({ minSimilarity: 0.8 })
    await chat(fleet, thirty)
    expect((await chat(fleet, ninety)).headers.get('x-reprise-layer')).toBe('provider')
    await chat(fleet, password)
    expect((await chat(fleet, paraphrase)).headers.get('x-reprise-layer')).toBe('semantic')
    const { panel, dialog } = await watch(fleet)
    const near = panel('Near misses').locator('.near > li')
    expect(await near.count()).toBe(1)
    expect(await near.locator('.badge').textContent()).toBe('numbers')
    expect(await near.locator('mark').allTextContents()).toEqual(['90', '30'])
    await panel('Near misses').getByRole('list', { name: 'Refused by guard' }).getByText('numbers 1').waitFor()
    const semantic = panel('Layers').getByRole('row', { name: 'LLM, semantic' })
    expect((await semantic.getByRole('cell').allTextContents()).slice(1, 3)).toEqual(['4', '1'])
    await near.getByRole('button', { name: 'entry' }).click()
    await dialog().locator('.told', { hasText: thirty }).waitFor()
  })

  it('shows who is asked and who is left out, and what has been spent', async () => {
    const fleet = await start({
      routes: [
        {
          model: 'gpt-4o',
          targets: ['openai', 'south'],
          retry: { attempts: 0 },
          breaker: { failures: 2, leftOutMs: 120_000 }
        }
      ],
      budgets: [
        { name: 'everything', limitUsd: 2, period: 'month' },
        { name: 'each team', limitUsd: 0.01, per: 'tag', tag: 'team:*', period: 'day' }
      ],
      providers: { south: { prices: { 'gpt-4o*': { input: 2.5, output: 10 } } } }
    })
    const tagged: Ask = { headers: { 'x-reprise-tags': 'team:support' }, fields: { max_tokens: 300 } }
    await chat(fleet, returning, tagged)
    await message(fleet, returning)
    const { panel } = await watch(fleet)
    const providers = panel('Providers')
    const rowOf = (name: string) => providers.getByRole('row', { name })
    await rowOf('openai/gpt-4o').getByText('up', { exact: true }).waitFor()
    // It has no route, and is never left out.
    expect(await rowOf('anthropic/claude-sonnet-5').locator('td.left').textContent()).toBe('')
    await fleet.providers.openai.close()
    for (const content of [delivery, warranty, password]) await chat(fleet, content, tagged)
    await rowOf('openai/gpt-4o').getByText('left out, back in').waitFor()
    await rowOf('south/gpt-4o').getByText('up', { exact: true }).waitFor()
    const [openai] = (await report(fleet)).targets.filter(({ target }) => target === 'openai/gpt-4o')
    expect(openai).toMatchObject({ fell_back: 2, skipped: { 'left-out': 1 } })
    expect((await rowOf('openai/gpt-4o').getByRole('cell').allTextContents()).slice(1, 3)).toEqual(['3', '2'])
    const { budgets } = await admin<Budgets>(fleet, 'GET', '/budgets')
    expect(budgets.map(({ name, of }) => [name, of])).toEqual([
      ['everything', null],
      ['each team', 'team:support']
    ])
    for (const { name, spentUsd, limitUsd } of budgets) {
      expect(spentUsd).toBeGreaterThan(0)
      const bar = panel('Budgets').getByRole('listitem').filter({ hasText: name })
      await bar.getByText(`${dollars(spentUsd)} of ${dollars(limitUsd)}`).waitFor()
      const share = percent((spentUsd ?? 0) / (limitUsd ?? 1), 0)
      expect(await bar.getByRole('img').getAttribute('aria-label')).toBe(`${share} spent, 0 % reserved`)
    }
  })

  it('finds an entry by its text, shows its answer, and takes it out: who asks next is a miss', async () => {
    const fleet = await start()
    const { text } = await chat(fleet, returning)
    await chat(fleet, delivery)
    const { panel, dialog, page } = await watch(fleet)
    const entries = panel('Entries')
    await entries.getByText('2 of 2 looked at').waitFor()
    await entries.getByLabel('Text').fill('OPENED item')
    await entries.getByRole('button', { name: 'Search', exact: true }).click()
    await entries.getByText('1 of 2 looked at').waitFor()
    await entries.getByRole('button', { name: returning }).click()
    await dialog().locator('.told', { hasText: returning }).waitFor()
    expect(await dialog().locator('.told').allTextContents()).toEqual([returning, text])
    await dialog().getByRole('button', { name: 'Invalidate this entry' }).click()
    await dialog().getByRole('button', { name: 'Yes, invalidate it' }).click()
    await dialog().getByText('This entry is invalidated.').waitFor()
    await page.keyboard.press('Escape')
    expect((await chat(fleet, returning)).headers.get('x-reprise-layer')).toBe('provider')
    expect((await chat(fleet, delivery)).headers.get('x-reprise-layer')).toBe('exact')
  })

  it('invalidates by tag after it has counted, and the requests miss again', async () => {
    const fleet = await start()
    const tagged: Ask = { headers: { 'x-reprise-tags': 'document:handbook, team:support' } }
    for (const content of [returning, delivery, warranty]) await chat(fleet, content, tagged)
    await chat(fleet, password)
    const { panel, dialog } = await watch(fleet)
    const form = panel('Invalidate')
    await form.getByLabel('Which tag').fill('document:handbook')
    await form.getByRole('button', { name: 'Count' }).click()
    await dialog().getByRole('heading', { name: 'Invalidate 3 entries?' }).waitFor()
    expect((await chat(fleet, delivery)).headers.get('x-reprise-layer')).toBe('exact')
    await dialog().getByRole('button', { name: 'Invalidate 3 entries' }).click()
    await form.getByText('3 entries invalidated: entries by tag “document:handbook”.').waitFor()
    await panel('Store').getByText('1 entry').waitFor()
    for (const content of [returning, delivery, warranty]) {
      expect((await chat(fleet, content, tagged)).headers.get('x-reprise-layer')).toBe('provider')
    }
    expect((await chat(fleet, password)).headers.get('x-reprise-layer')).toBe('exact')
  })

  it('switches meaning off: the next paraphrase is a miss', async () => {
    const fleet = await start()
    await chat(fleet, password)
    expect((await chat(fleet, paraphrase)).headers.get('x-reprise-layer')).toBe('semantic')
    const { panel, dialog } = await watch(fleet)
    const semantic = panel('Switches').getByRole('switch', { name: 'semantic' })
    await semantic.click()
    await dialog().getByRole('button', { name: 'Switch off' }).click()
    await eventually(() => semantic.getAttribute('aria-checked')).toBe('false')
    const { switches } = await admin<Switches>(fleet, 'GET', '/switches')
    expect(switches['semantic']).toEqual({ on: false, by: 'runtime' })
    expect((await chat(fleet, `${paraphrase} Thanks`)).headers.get('x-reprise-layer')).toBe('provider')
    await semantic.click()
    await eventually(() => semantic.getAttribute('aria-checked')).toBe('true')
    expect((await chat(fleet, 'How should I reset the password?')).headers.get('x-reprise-layer')).toBe('semantic')
  })

  it('adds up all gateways on one store when told to', async () => {
    const folder = temporaryFolder()
    browser.closeLater(async () => folder.remove())
    const first = await start({ store: `embedded:${folder.path}` })
    const second = await start({ store: `embedded:${folder.path}`, openaiUrl: first.providers.openai.openaiUrl })
    for (const content of [returning, delivery]) await chat(first, content)
    for (const content of [returning, delivery, delivery]) await chat(second, content)
    expect(first.providers.openai.count()).toBe(2)
    const { page, figure, panel } = await watch(first)
    expect(await figure('Requests').textContent()).toBe('2')
    expect(await figure('Hit rate').textContent()).toBe('0.0 %')
    await page.getByLabel('Fleet').check()
    await eventually(() => figure('Requests').textContent()).toBe('5')
    await page.getByText('Fleet of 2').waitFor()
    expect(await figure('Hit rate').textContent()).toBe('60.0 %')
    await panel('Top entries').getByRole('button', { name: delivery }).waitFor()
    for (const title of ['Answered from the cache', 'Saved', 'Latency']) {
      await panel(title).getByText('; this process').waitFor()
    }
  })

  it('says that the gateway has gone, and finds the one that comes after it', async () => {
    const fleet = await start()
    for (const content of [returning, returning, delivery]) await chat(fleet, content)
    const { page, live, panel, figure } = await watch(fleet)
    await fleet.gateway.close(0)
    await page.getByText('The gateway cannot be reached.').waitFor()
    expect(await figure('Requests').textContent()).toBe('3')
    const next = await start({ port: Number(new URL(fleet.gateway.url).port) })
    await chat(next, warranty)
    await live()
    expect(await figure('Requests').textContent()).toBe('1')
    await panel('Store').getByText('1 entry').waitFor()
  })
})

/** One of some twenty requests, of two models, plain or as a stream. */
async function ask(fleet: Fleet, number: number): Promise<void> {
  const stream = number % 3 === 0
  if (number % 2 === 0) await chat(fleet, `${delivery} To island ${number % 20}`, { stream })
  else await message(fleet, `${warranty} By workshop ${number % 20}`, { stream })
}

function asked(fleet: Fleet): number {
  return Object.values(fleet.asked()).reduce((sum, times) => sum + times, 0)
}

function report(fleet: Fleet): Promise<Statistics> {
  return admin(fleet, 'GET', '/metrics/cache/statistics')
}

async function admin<Said>(fleet: Fleet, method: string, path: string): Promise<Said> {
  const headers = { 'x-reprise-admin-token': token }
  const response = await fetch(`${fleet.gateway.url}${path}`, { method, headers })
  expect(response.status).toBe(200)
  return (await response.json()) as Said
}
