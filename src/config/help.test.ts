import { describe, expect, it } from 'vitest'
import { settingsHelp } from './help.ts'
import { environmentName, type Setting, settings } from './settings.ts'

const lines = settingsHelp().split('\n')

describe('the help of all settings', () => {
  it('has each by the name it is set by, and the secret ones by their variables only', () => {
    for (const [name, { secret, structured, value }] of Object.entries<Setting>(settings)) {
      const head = secret ? environmentName(name) : structured ? `${name}: ${value}` : `--${name} ${value}`
      expect(lines.filter((line) => line.startsWith(`  ${head} `))).toHaveLength(1)
      if (secret || structured) expect(settingsHelp()).not.toContain(`--${name} `)
    }
  })

  it('stands in two columns that a terminal can show', () => {
    const rows = lines.filter((line) => line.startsWith('  '))
    // Two spaces at least before the second column, which all begin at the same place.
    const columns = new Set(rows.map((line) => /^ {2}(?:\S+(?: \S+)*)? {2,}/.exec(line)?.[0].length))
    expect(columns.size).toBe(1)
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120)
  })
})
