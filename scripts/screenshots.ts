import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser } from 'playwright-core'
import { builtDashboard } from '../test/dashboard/built-dashboard.ts'
import { launchChromium } from '../test/dashboard/chromium.ts'
import { fastClock } from './fast-clock.ts'
import { startShownGateway } from './shown-gateway.ts'
import { smallerPng } from './smaller-png.ts'
import { sendTraffic } from './traffic.ts'

// Takes the pictures of the dashboard that the documentation shows:
//
//   npx tsx scripts/screenshots.ts [--url http://127.0.0.1:4141/dashboard/] [--out docs/images] [--whole]
//
// Without an address, of a gateway of its own: a real one, before simulated providers, with real traffic through the
// official SDKs for three minutes. So that these look like the hour that the charts show, the clock that the statistics go
// by runs some twenty times as fast; it begins an hour ago and is right when the pictures are taken. All else is what
// has happened: hits, refusals, latencies, failures. The times of entries, breakers and budgets are real. The dollars are
// what the answers would have cost by the price list.
//
// With an address, REPRISE_ADMIN_TOKEN is shown to the gateway when it is set. --whole takes the page from top to bottom.

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    out: { type: 'string', default: join(import.meta.dirname, '../docs/images') },
    whole: { type: 'boolean', default: false }
  }
})

/** Each down to the end of a part of the page. */
const pictures = [
  { name: 'dashboard-wide', width: 1440, last: 'By model', colorScheme: 'light' },
  { name: 'dashboard-dark', width: 1440, last: 'By model', colorScheme: 'dark' },
  { name: 'dashboard-narrow', width: 390, last: 'Latency', colorScheme: 'light' }
] as const

/** Below the last part, in pixels. */
const margin = 10

mkdirSync(values.out, { recursive: true })
if (values.url === undefined) await takeOwn()
else await take(values.url, process.env['REPRISE_ADMIN_TOKEN'])

async function takeOwn(): Promise<void> {
  await builtDashboard()
  const clock = fastClock({ times: 24, spanMs: 3_600_000, slowingMs: 24_000 })
  const shown = await startShownGateway(clock.now)
  const over = new AbortController()
  const traffic = sendTraffic(shown, clock, over.signal)
  console.log(`Traffic at ${shown.gateway.url}/dashboard/#token=${shown.adminToken} for three minutes.`)
  try {
    // Traffic goes on until it is told to end, or fails.
    await Promise.race([clock.until(clock.endsAtMs - 5000, over.signal), traffic])
    await take(`${shown.gateway.url}/dashboard/`, shown.adminToken)
  } finally {
    over.abort()
    await traffic
    await shown.close()
  }
}

/** All at the same moment. */
async function take(url: string, token: string | undefined): Promise<void> {
  const address = token ? `${url}#token=${encodeURIComponent(token)}` : url
  const browser = await launchChromium()
  try {
    await Promise.all(pictures.map((picture) => takeOne(browser, address, picture)))
  } finally {
    await browser.close()
  }
}

async function takeOne(
  browser: Browser,
  address: string,
  { name, width, last, colorScheme }: (typeof pictures)[number]
): Promise<void> {
  const viewport = { width, height: 1400 }
  const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' })
  await page.goto(address)
  await page.locator('.pulse', { hasText: 'Live' }).waitFor()
  await page.locator('.plot canvas').first().waitFor()
  await page.getByRole('heading', { name: 'Switches' }).waitFor()
  const panel = page.locator('section.panel', { has: page.getByRole('heading', { name: last, exact: true }) })
  const { y, height } = (await panel.boundingBox()) ?? { y: 0, height: viewport.height }
  await page.setViewportSize({ width, height: Math.ceil(y + height) + margin })
  const path = join(values.out, `${name}.png`)
  const picture = smallerPng(await page.screenshot({ fullPage: values.whole }))
  writeFileSync(path, picture)
  console.log(`${path}  ${Math.round(picture.length / 1000)} kB`)
}
