import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
]

/** Where a Chromium is: `REPRISE_CHROMIUM`, else one of the usual places; undefined when there is none. */
export function chromiumPath(): string | undefined {
  const said = process.env['REPRISE_CHROMIUM']
  return said === undefined || said === '' ? usualPlaces.find((path) => existsSync(path)) : said
}

/**
 * Whether tests in a real browser can run. Says so when they cannot; with `REPRISE_REQUIRE_CHROMIUM=1` they run
 * nevertheless, and fail.
 */
export function canBrowse(): boolean {
  if (chromiumPath() !== undefined || process.env['REPRISE_REQUIRE_CHROMIUM'] === '1') return true
  console.warn('There is no Chromium here, and the dashboard is not tried in one. REPRISE_CHROMIUM says where one is.')
  return false
}

export async function launchChromium(): Promise<Browser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined) throw new Error('There is no Chromium: say where in REPRISE_CHROMIUM.')
  return await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
