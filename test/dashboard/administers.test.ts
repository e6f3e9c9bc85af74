import { describe, expect, it } from 'vitest'
import { canBrowse } from './chromium.ts'
import { eventually, inBrowser, type Opened } from './in-browser.ts'

const question = 'Can I return an opened item within 30 days?'

/** What was sent to invalidate, in its order. */
function invalidations({ api }: Opened): unknown[] {
  return api.callsTo('/cache/invalidate').map(({ body }) => body)
}

describe.runIf(canBrowse())('whoever administrates', () => {
  const browser = inBrowser()

  it('finds entries by text, tag, kind and model', async () => {
    const { panel, api, live } = await browser.open()
    await live()
    const entries = panel('Entries')
    await entries.getByText('the first 6 of 7 looked at').waitFor()
    await entries.getByLabel('Text').fill('opened item')
    await entries.getByLabel('Tag').fill('team:support')
    await entries.getByLabel('Model').fill('gpt-4o')
    await entries.getByLabel('Kind').fill('llm')
    await entries.getByRole('button', { name: 'Search', exact: true }).click()
    await entries.getByText('1 of 7 looked at').waitFor()
    expect(api.callsTo('/cache/entries').at(-1)?.path).toBe(
      '/cache/entries?limit=50&text=opened+item&tag=team%3Asupport&model=gpt-4o&kind=llm'
    )
    await entries.getByLabel('Text').fill('nothing is called this')
    await entries.getByLabel('Text').press('Enter')
    await entries.getByText('Nothing found.').waitFor()
  })

  it('reads a whole entry, takes it out, and is asked before', async () => {
    const opened = await browser.open()
    const { panel, dialog, api, live, page } = opened
    await live()
    const key = api.entries[0]?.key ?? ''
    await panel('Entries').getByRole('button', { name: question }).click()
    await dialog().locator('.told', { hasText: 'within five working days' }).waitFor()
    expect(await dialog().textContent()).toContain(key)
    await dialog().getByText('As the provider said it').click()
    expect(await dialog().locator('pre').textContent()).toContain('"finish_reason": "stop"')
    await dialog().getByRole('button', { name: 'Invalidate this entry' }).click()
    expect(invalidations(opened)).toEqual([])
    await dialog().getByRole('button', { name: 'Yes, invalidate it' }).click()
    await dialog().getByText('This entry is invalidated.').waitFor()
    expect(invalidations(opened)).toEqual([{ key }])
    await page.keyboard.press('Escape')
    await eventually(() => dialog().count()).toBe(0)
  })

  it('opens entries from the top ones and the near misses, and is told when one has gone', async () => {
    const { panel, dialog, live, page } = await browser.open()
    await live()
    await panel('Top entries').getByRole('button').first().click()
    await dialog().getByText(question).waitFor()
    await page.keyboard.press('Escape')
    await panel('Near misses').getByRole('button', { name: 'entry' }).first().click()
    await dialog().getByText('There is no such entry.').waitFor()
  })

  it('invalidates by tag only after a dry run and a confirmation', async () => {
    const opened = await browser.open()
    const { panel, dialog, live } = opened
    await live()
    const form = panel('Invalidate')
    await form.getByLabel('Which tag').fill('team:support')
    await form.getByRole('button', { name: 'Count' }).click()
    await dialog().getByRole('heading', { name: 'Invalidate 3 entries?' }).waitFor()
    expect(invalidations(opened)).toEqual([{ tag: 'team:support', dryRun: true }])
    await dialog().getByRole('button', { name: 'Cancel' }).click()
    await eventually(() => dialog().count()).toBe(0)
    expect(invalidations(opened)).toHaveLength(1)
    await form.getByRole('button', { name: 'Count' }).click()
    await dialog().getByRole('button', { name: 'Invalidate 3 entries' }).click()
    await form.getByText('3 entries invalidated').waitFor()
    expect(invalidations(opened).slice(1)).toEqual([{ tag: 'team:support', dryRun: true }, { tag: 'team:support' }])
    await form.getByRole('button', { name: 'Count' }).click()
    await form.getByText('nothing to invalidate').waitFor()
    expect(await dialog().count()).toBe(0)
  })

  it('invalidates by prefix, pattern, model, kind and key', async () => {
    const opened = await browser.open()
    const { panel, live, page } = opened
    await live()
    const form = panel('Invalidate')
    for (const way of ['prefix', 'pattern', 'model', 'kind', 'key']) {
      await form.getByLabel('By').selectOption(way)
      await form.getByRole('textbox').fill('of-nothing')
      await page.keyboard.press('Enter')
      await form.getByText(`by ${way} “of-nothing”: nothing to invalidate`).waitFor()
    }
    expect(invalidations(opened)).toEqual(
      ['prefix', 'pattern', 'model', 'kind', 'key'].map((way) => ({ [way]: 'of-nothing', dryRun: true }))
    )
  })

  it('invalidates everything only after typing so', async () => {
    const opened = await browser.open()
    const { panel, dialog, live, api } = opened
    await live()
    await panel('Invalidate').getByLabel('By').selectOption('all')
    await panel('Invalidate').getByRole('button', { name: 'Count' }).click()
    const action = dialog().getByRole('button', { name: 'Invalidate 7 entries' })
    await action.waitFor()
    expect(await action.isDisabled()).toBe(true)
    await dialog().getByLabel('Type all to confirm').fill('al')
    await dialog().getByLabel('Type all to confirm').press('Enter')
    expect(invalidations(opened)).toEqual([{ all: true, dryRun: true }])
    await dialog().getByLabel('Type all to confirm').fill('all')
    await action.click()
    await panel('Invalidate').getByText('7 entries invalidated: all entries.').waitFor()
    expect(invalidations(opened)).toEqual([{ all: true, dryRun: true }, { all: true }])
    expect(api.entries).toEqual([])
  })

  it('switches off after a confirmation, on without, and never what the configuration has switched off', async () => {
    const { panel, dialog, live, api } = await browser.open()
    await live()
    const semantic = panel('Switches').getByRole('switch', { name: 'semantic' })
    const turned = () => api.calls.filter(({ method }) => method === 'PUT').map(({ path, body }) => [path, body])
    await semantic.click()
    await dialog().getByRole('heading', { name: 'Switch off semantic?' }).waitFor()
    expect(turned()).toEqual([])
    await dialog().getByRole('button', { name: 'Switch off' }).click()
    await eventually(() => semantic.getAttribute('aria-checked')).toBe('false')
    await semantic.click()
    await eventually(() => semantic.getAttribute('aria-checked')).toBe('true')
    expect(turned()).toEqual([
      ['/switches/semantic', { on: false }],
      ['/switches/semantic', { on: true }]
    ])
    const fixed = panel('Switches').getByRole('switch', { name: 'value' })
    expect(await fixed.isDisabled()).toBe(true)
    await panel('Switches').getByText('Switched off by the configuration').waitFor()
  })

  it('is asked for the token once there is one, and sees what needs none before', async () => {
    const { page, live, panel, figure, api } = await browser.open({ token: 'right' })
    await live()
    expect(await figure('Requests').textContent()).toBe('79,071')
    expect(await panel('Providers').textContent()).toContain('anthropic/claude-sonnet-5')
    for (const title of [
      'Budgets',
      'Store',
      'By tag',
      'Top entries',
      'Near misses',
      'Entries',
      'Invalidate',
      'Switches'
    ]) {
      await panel(title).getByText('Needs the admin token.').waitFor()
    }
    await panel('Budgets').getByRole('button', { name: 'Enter it' }).click()
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')
    await page.getByText('The gateway did not take this token.').waitFor()
    await page.getByPlaceholder('Admin token').fill('right')
    await page.getByRole('button', { name: 'Unlock' }).click()
    await panel('Near misses').locator('mark').first().waitFor()
    await panel('Switches').getByRole('switch', { name: 'exact' }).waitFor()
    await page.reload()
    await panel('Switches').getByRole('switch', { name: 'exact' }).waitFor()
    await page.getByRole('button', { name: 'Lock' }).click()
    await page.getByPlaceholder('Admin token').waitFor()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
    expect(api.calls.filter(({ path }) => path.includes('right'))).toEqual([])
  })

  it('is told why nobody may, where no token would help', async () => {
    const { page, live, panel, figure } = await browser.open({ forbid: 'there is no admin token here' })
    await live()
    expect(await figure('Requests').textContent()).toBe('79,071')
    await page.getByRole('alert').getByText('there is no admin token here').waitFor()
    await panel('Switches').getByText('Needs the admin token.').waitFor()
  })

  it('may bring the token in the fragment, which goes from the address', async () => {
    const { page, live, panel, api } = await browser.open({ token: 'ri/g+ht' })
    await live()
    await page.goto('about:blank')
    await page.goto(`${api.url}#token=${encodeURIComponent('ri/g+ht')}`)
    await panel('Switches').getByRole('switch', { name: 'exact' }).waitFor()
    expect(page.url()).toBe(api.url)
  })
})
