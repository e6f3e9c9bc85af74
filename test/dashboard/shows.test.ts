import { describe, expect, it } from 'vitest'
import { canBrowse } from './chromium.ts'
import { eventually, inBrowser } from './in-browser.ts'

/** All headings of the page, in their order. */
const titles = [
  'Answered from the cache',
  'Saved',
  'Latency',
  'Providers',
  'Budgets',
  'Store',
  'By model',
  'By tag',
  'Layers',
  'Top entries',
  'Near misses',
  'Entries',
  'Invalidate',
  'Switches'
]

const hide = (state: 'hidden' | 'visible') => `
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${state}' })
  document.dispatchEvent(new Event('visibilitychange'))`

describe.runIf(canBrowse())('the dashboard', () => {
  const browser = inBrowser()

  it('shows everything under a strict policy, without a complaint or another host', async () => {
    const { page, live, figure, panel, complaints, foreign } = await browser.open()
    await live()
    expect(await figure('Hit rate').textContent()).toMatch(/^64\.\d %$/)
    expect(await figure('Saved').textContent()).toBe('$352.40')
    expect(await figure('Time saved').textContent()).toBe('23 h 25 min')
    expect(await figure('Tokens saved').textContent()).toBe('48.2M')
    expect(await figure('Requests').textContent()).toBe('79,071')
    expect(await figure('Median hit').textContent()).toBe('0.84 ms')
    expect(await page.locator('section.panel h2').allTextContents()).toEqual(titles)
    await eventually(() => page.locator('.plot canvas').count()).toBe(4)
    await panel('Providers').getByText('left out, back in').waitFor()
    expect(await panel('By tag').getByRole('row').count()).toBe(8)
    expect(await panel('Near misses').locator('mark').allTextContents()).toContain('90')
    expect(await panel('Budgets').textContent()).toContain('$33.80 of $40.00')
    expect(await panel('Store').textContent()).toContain('2.8 GB of 8.0 GB')
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
  })

  it('draws something into each chart', async () => {
    const { page, live } = await browser.open()
    await live()
    await page.locator('.plot canvas').nth(3).waitFor()
    const painted = await page.evaluate(`[...document.querySelectorAll('.plot canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      const colours = new Set()
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) colours.add(data.slice(at, at + 3).join())
      return colours.size > 1
    })`)
    expect(painted).toEqual([true, true, true, true])
  })

  it('lives below any prefix', async () => {
    const { live, complaints, page, api } = await browser.open({ prefix: '/tools/cache' })
    await live()
    expect(complaints).toEqual([])
    await page.goto(api.url.replace(/\/$/, ''))
    await live()
    expect(new URL(page.url()).pathname).toBe('/tools/cache/dashboard/')
  })

  it('follows what the gateway counts', async () => {
    const { api, live, figure } = await browser.open()
    await live()
    api.extra = 500
    await eventually(() => figure('Requests').textContent()).toBe('79,571')
  })

  it('tells the values of the step that the pointer is at, on all charts', async () => {
    const { page, live } = await browser.open()
    await live()
    const legends = page.locator('.legend-time')
    expect(await legends.allTextContents()).toEqual(['last hour', 'last hour', 'last hour', 'last hour'])
    await page.locator('.plot .u-over').first().hover()
    await eventually(() => legends.allTextContents()).toEqual(new Array(4).fill(expect.stringMatching(/^\d\d:\d\d$/)))
  })

  it('asks for the day and for the fleet when told to', async () => {
    const { page, live, figure, api } = await browser.open()
    await live()
    await page.getByLabel('Fleet').check()
    await eventually(() => figure('Requests').textContent()).toBe('237,213')
    await page.getByText('Fleet of 3').waitFor()
    // The history is that of one process alone.
    expect(await page.getByText('; this process').count()).toBe(3)
    await page.getByLabel('Day').check()
    await page.locator('.legend-time', { hasText: 'last day' }).first().waitFor()
    expect(api.callsTo('/metrics/cache/history?scope=fleet&range=day').length).toBeGreaterThan(0)
  })

  it('asks one at a time, and not while nobody looks', async () => {
    const { page, live, api } = await browser.open()
    await live()
    await page.clock.install()
    await page.reload()
    await live()
    let release = () => {}
    api.held = new Promise<void>((resolve) => {
      release = resolve
    })
    // Less than the page has patience for.
    await page.clock.runFor(9_000)
    expect(api.mostAtOnce).toBe(1)
    release()
    await page.evaluate(hide('hidden'))
    await page.getByText('Paused').waitFor()
    const heard = async () => {
      await page.evaluate("fetch('../health')")
      return api.callsTo('/metrics').length
    }
    const before = await heard()
    await page.clock.runFor(120_000)
    expect(await heard()).toBe(before)
    await page.evaluate(hide('visible'))
    await live()
    expect(await heard()).toBeGreaterThan(before)
  })

  it('says when the gateway cannot be reached, keeps the figures, and finds it again', async () => {
    const { page, live, figure, api } = await browser.open()
    await live()
    await api.stop()
    await page.getByText('The gateway cannot be reached.').waitFor()
    expect(await page.locator('.pulse').textContent()).toMatch(/Trying again.*as of/)
    expect(await figure('Saved').textContent()).toBe('$352.40')
    api.extra = 7
    await api.start()
    await live()
    expect(await figure('Requests').textContent()).toBe('79,078')
  })

  it('says what is not there yet', async () => {
    const { page, live, panel, complaints } = await browser.open({
      entries: [],
      alter: (said) => ({
        ...said,
        by_model: [],
        by_tag: [],
        top_entries: [],
        near_misses: [],
        providers: [],
        targets: []
      })
    })
    await live()
    for (const [title, words] of [
      ['By model', 'No request yet.'],
      ['By tag', 'No request was tagged yet.'],
      ['Top entries', 'No entry has answered yet.'],
      ['Near misses', 'Nothing was near and refused yet.'],
      ['Entries', 'There is no entry yet.']
    ] as const) {
      await panel(title).getByText(words).waitFor()
    }
    expect(await page.title()).toMatch(/^64 %/)
    expect(complaints).toEqual([])
  })
})
