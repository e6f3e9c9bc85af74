import { UsageError } from './usage-error.ts'

/** Reads what flags are given, for one command. All throw UsageError saying what was expected and got. */
export interface FlagValues {
  /** A gateway's URL, without /v1 and slashes at the end. */
  url(name: string, text: string): string
  /** More than 0. */
  dollars(name: string, text: string | undefined): number | undefined
  /** From 1 on. @param most default: a billion */
  whole(name: string, text: string | undefined, most?: number): number | undefined
}

export function flagValues(command: string): FlagValues {
  function wrong(name: string, expected: string, text: string): UsageError {
    return new UsageError(command, `--${name}: expected ${expected}, got ${JSON.stringify(text)}`)
  }

  return {
    url(name, text) {
      if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/(\/v1)?\/*$/, '')
      throw wrong(name, 'a URL such as http://127.0.0.1:4141', text)
    },
    dollars(name, text) {
      if (text === undefined) return undefined
      const amount = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
      if (amount > 0) return amount
      throw wrong(name, 'US dollars, more than 0, such as 5 or 0.50', text)
    },
    whole(name, text, most = 1_000_000_000) {
      if (text === undefined) return undefined
      const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
      if (value >= 1 && value <= most) return value
      throw wrong(name, `a whole number from 1 to ${most}`, text)
    }
  }
}
