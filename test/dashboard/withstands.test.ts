import { describe, expect, it } from 'vitest'
import { canBrowse } from './chromium.ts'
import { eventually, inBrowser } from './in-browser.ts'
import type { Told } from './mock-data.ts'
import { entries } from './mock-records.ts'

const hostile = '<img src=x onerror="globalThis.taken = 1"><script>globalThis.taken = 1</script>'
const endless = `${'wide'.repeat(120)}"><b>\u202egnirts`

/** The same report with callers' words that mean harm. */
function harm(said: Told): object {
  const first = <Row extends object>(rows: readonly Row[] | undefined, words: Partial<Row>) =>
    (rows ?? []).map((row, index) => (index === 0 ? { ...row, ...words } : row))
  return {
    ...said,
    by_model: [...first(said.by_model, { model: hostile }), { ...said.by_model[1], model: endless }],
    by_tag: first(said.by_tag, { tag: hostile }),
    top_entries: first(said.top_entries, { key: `llm:${hostile}:ff` }),
    near_misses: [
      {
        ...said.near_misses?.[0],
        text: `asked ${hostile}`,
        entry_text: `entry ${hostile}`,
        by: hostile,
        reason: hostile
      },
      { ...said.near_misses?.[1], text: endless, entry_text: `${endless} too`, reason: endless }
    ],
    targets: first(said.targets, { target: `${hostile}/model` }),
    failures: { [hostile]: { [endless]: 1 }, constructor: { __proto__: 2 } }
  }
}

function harmfulEntries() {
  return entries(Date.now()).map((entry, index) =>
    index === 0
      ? {
          ...entry,
          text: hostile,
          answer: hostile,
          tags: [hostile, endless],
          model: endless,
          body: { content: [{ text: hostile }] }
        }
      : entry
  )
}

/** A script that tells how far this element could be scrolled sideways, in pixels. */
function beyond(selector: string): string {
  return `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('${selector}'))`
}

/** How bright a colour is, as WCAG 2 counts it; of `rgb(1, 2, 3)`. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+/g) ?? []).map((part) => {
    const share = Number(part) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((one, other) => one - other)
  return (light + 0.05) / (dark + 0.05)
}

describe.runIf(canBrowse())('the dashboard withstands', () => {
  const browser = inBrowser()

  it("callers' words that look like HTML", async () => {
    const { page, live, panel, dialog, complaints, sideways } = await browser.open({
      alter: harm,
      entries: harmfulEntries()
    })
    await live()
    await panel('By model').getByText(hostile).waitFor()
    await panel('By tag').getByText(hostile).waitFor()
    await panel('Near misses').getByText('asked <img src=x').waitFor()
    await panel('Providers').getByText(`${hostile}/model`).waitFor()
    await panel('Entries').getByRole('button').filter({ hasText: hostile }).click()
    await dialog().locator('.told', { hasText: hostile }).first().waitFor()
    expect(
      await page.evaluate("[globalThis.taken, document.querySelectorAll('img:not(.top img), body script').length]")
    ).toEqual([undefined, 0])
    expect(complaints).toEqual([])
    expect(await sideways()).toBe(0)
  })

  it('a phone, whatever the words, and never scrolls sideways', async () => {
    const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }
    const { page, live, panel, dialog, sideways } = await browser.open(
      { alter: harm, entries: harmfulEntries() },
      phone
    )
    await live()
    await panel('Switches').getByRole('switch').first().waitFor()
    expect(await sideways()).toBe(0)
    const outside =
      await page.evaluate(`[...document.querySelectorAll('section.panel, .top > *, .figure, input, button')]
      .filter((element) => element.closest('.table-box, .unseen, .choice') === null)
      .map((element) => element.getBoundingClientRect())
      .filter(({ left, right }) => left < 0 || right > innerWidth).length`)
    expect(outside).toBe(0)
    await panel('Entries').getByRole('button').filter({ hasText: hostile }).click()
    await dialog().locator('.told').first().waitFor()
    expect(await sideways()).toBe(0)
    expect(await page.evaluate(beyond('dialog'))).toBe(0)
  })

  it('a table that is wider than a phone: it scrolls within its own box, by keyboard too', async () => {
    const { page, panel, live } = await browser.open({}, { viewport: { width: 360, height: 740 } })
    await live()
    const box = panel('Layers').getByRole('region', { name: 'Layers' }).last()
    expect(await page.evaluate(beyond('[aria-label="Layers"]'))).toBeGreaterThan(0)
    await eventually(() => box.getAttribute('tabindex')).toBe('0')
  })

  it.each(['light', 'dark'] as const)('a system that is %s, in colours that can be read', async (colorScheme) => {
    const { page, live } = await browser.open({}, { colorScheme })
    await live()
    const colours = (await page.evaluate(`(() => {
      const probe = document.body.appendChild(document.createElement('span'))
      return Object.fromEntries(['page', 'surface', 'raised', 'ink', 'muted', 'accent', 'on-accent', 'good', 'warn', 'bad', 'mark', 'track',
        'edge', 'teal', 'violet', 'amber', 'coral', 'blue', 'pink', 'grey', 'red'].map((name) => {
        probe.style.color = 'var(--' + name + ')'
        return [name, getComputedStyle(probe).color]
      }))
    })()`)) as Record<string, string>
    const ratio = (a: string, b: string) => contrast(colours[a] ?? '', colours[b] ?? '')
    const dim = ['page', 'surface', 'raised'].flatMap((ground) =>
      ['ink', 'muted', 'accent', 'good', 'warn', 'bad']
        .filter((name) => ratio(name, ground) < 4.5)
        .map((name) => `${name} on ${ground}: ${ratio(name, ground).toFixed(2)}`)
    )
    expect(dim).toEqual([])
    for (const [ink, ground] of [
      ['on-accent', 'accent'],
      ['ink', 'mark'],
      ['muted', 'track'],
      ['ink', 'track']
    ] as const) {
      expect(ratio(ink, ground), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5)
    }
    for (const name of ['edge', 'teal', 'violet', 'amber', 'coral', 'blue', 'pink', 'grey', 'red']) {
      expect(ratio(name, 'surface'), `${name} on surface`).toBeGreaterThanOrEqual(3)
    }
    expect(luminance(colours['page'] ?? '') < 0.1).toBe(colorScheme === 'dark')
  })

  it('a reader who wants the other theme, and keeps it for them', async () => {
    const { page, live } = await browser.open({}, { colorScheme: 'light' })
    await live()
    const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    const light = await ground()
    await page.getByRole('button', { name: 'Dark theme' }).click()
    await eventually(ground).not.toBe(light)
    await page.reload()
    await live()
    expect(await ground()).not.toBe(light)
    await page.getByRole('button', { name: 'Light theme' }).click()
    await eventually(ground).toBe(light)
    expect(await page.evaluate('localStorage.length')).toBe(0)
  })
})
