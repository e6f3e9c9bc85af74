import { benchBudget } from './router-budget.ts'
import { benchDay } from './router-day.ts'
import { benchFailures } from './router-failures.ts'

const parts: Readonly<Record<string, () => Promise<void>>> = {
  failures: benchFailures,
  budget: benchBudget,
  day: benchDay
}

/** The router from outside: real gateways, providers in a process of their own, and callers on real sockets. */
export async function benchRouter(): Promise<void> {
  const given = process.argv.slice(3).filter((argument) => argument in parts)
  for (const name of given.length > 0 ? given : Object.keys(parts)) await parts[name]?.()
}
