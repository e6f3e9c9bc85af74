import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { builtDashboard } from '../test/dashboard/built-dashboard.ts'
import { launchChromium } from '../test/dashboard/chromium.ts'
import { MockApi } from '../test/dashboard/mock-api.ts'
import { smallerPng } from './smaller-png.ts'

// Takes the pictures of the dashboard that the documentation shows:
//
//   npx tsx scripts/screenshots.ts [--url http://127.0.0.1:4242/dashboard/] [--out docs/images] [--whole]
//
// Without an address, of made-up figures. REPRISE_ADMIN_TOKEN is shown to the gateway when it is set; --whole takes the
// page from top to bottom.

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    out: { type: 'string', default: join(import.meta.dirname, '../docs/images') },
    whole: { type: 'boolean', default: false }
  }
})

const pictures = [
  { name: 'dashboard-wide', width: 1440, height: 1296, colorScheme: 'light' },
  { name: 'dashboard-dark', width: 1440, height: 1296, colorScheme: 'dark' },
  { name: 'dashboard-narrow', width: 390, height: 1400, colorScheme: 'light' }
] as const

mkdirSync(values.out, { recursive: true })
const mock = values.url === undefined ? new MockApi({ files: await builtDashboard() }) : undefined
await mock?.start()
const token = process.env['REPRISE_ADMIN_TOKEN']
const address = `${values.url ?? mock?.url}${token ? `#token=${encodeURIComponent(token)}` : ''}`
const browser = await launchChromium()
try {
  for (const { name, width, height, colorScheme } of pictures) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' })
    await page.goto(address)
    await page.locator('.pulse', { hasText: 'Live' }).waitFor()
    await page.locator('.plot canvas').first().waitFor()
    await page.getByRole('heading', { name: 'Switches' }).waitFor()
    const path = join(values.out, `${name}.png`)
    const picture = smallerPng(await page.screenshot({ fullPage: values.whole }))
    writeFileSync(path, picture)
    console.log(`${path}  ${Math.round(picture.length / 1000)} kB`)
    await page.close()
  }
} finally {
  await browser.close()
  await mock?.stop()
}
