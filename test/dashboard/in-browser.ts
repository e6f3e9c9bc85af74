import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { builtDashboard } from './built-dashboard.ts'
import { launchChromium } from './chromium.ts'
import { type DashboardPage, openDashboard } from './dashboard-page.ts'
import { MockApi, type MockOptions } from './mock-api.ts'

export interface InBrowser {
  /** A mock of the gateway, and the dashboard it serves. */
  open(options?: Omit<MockOptions, 'files'>, window?: BrowserContextOptions): Promise<Opened>
  /** A dashboard that is served already. */
  openAt(url: string, window?: BrowserContextOptions): Promise<DashboardPage>
  /** After the test, what came last first. */
  closeLater(close: () => Promise<void>): void
}

export interface Opened extends DashboardPage {
  readonly api: MockApi
}

/** Waits until what is read fits: two cores and a browser are not always quick. */
export function eventually<Read>(read: () => Read | Promise<Read>) {
  return expect.poll(read, { timeout: 20_000 })
}

/** A browser for a file of tests; what a test has opened is closed after it. */
export function inBrowser(): InBrowser {
  let browser: Browser
  let files: string
  const closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    files = await builtDashboard()
    browser = await launchChromium()
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  afterAll(async () => await browser?.close())

  async function openAt(url: string, window: BrowserContextOptions = {}): Promise<DashboardPage> {
    const opened = await openDashboard(browser, url, window)
    closing.push(() => opened.close())
    return opened
  }

  return {
    async open(options = {}, window = {}) {
      const api = new MockApi({ files, ...options })
      await api.start()
      closing.push(() => api.stop())
      return { ...(await openAt(api.url, window)), api }
    },
    openAt,
    closeLater: (close) => void closing.push(close)
  }
}
