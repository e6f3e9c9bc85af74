import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'

export interface DashboardPage {
  readonly page: Page
  /** What the browser has complained of: scripts, policies, loading. */
  readonly complaints: readonly string[]
  /** Addresses of other hosts that were asked for. */
  readonly foreign: readonly string[]
  /** The part of the page under this heading. */
  panel(title: string): Locator
  /** The large figure of that name. */
  figure(title: string): Locator
  /** The modal dialog that is open. */
  dialog(): Locator
  /** Waits until the gateway has answered. */
  live(): Promise<void>
  /** How far the page could be scrolled sideways, in pixels. */
  sideways(): Promise<number>
  close(): Promise<void>
}

/** Opens the dashboard in a window, and with a session, of its own. */
export async function openDashboard(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {}
): Promise<DashboardPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: 'reduce',
    ...options
  })
  const page = await context.newPage()
  const complaints: string[] = []
  const foreign: string[] = []
  const { host } = new URL(url)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    const asked = new URL(request.url())
    if (asked.host !== host && asked.protocol !== 'data:') foreign.push(request.url())
  })
  await page.goto(url)
  const titled = (title: string) => page.getByRole('heading', { level: 2, name: title, exact: true })
  return {
    page,
    complaints,
    foreign,
    panel: (title) => page.locator('section.panel', { has: titled(title) }),
    figure: (title) => page.locator('.figure', { has: titled(title) }).locator('.figure-value'),
    dialog: () => page.getByRole('dialog'),
    live: () => page.locator('.pulse', { hasText: 'Live' }).waitFor(),
    sideways: () => page.evaluate('document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth'),
    close: () => context.close()
  }
}
