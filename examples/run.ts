// Runs an example by its number or name, or says which there are.

interface Example {
  /** Default: its number. */
  readonly name?: string
  readonly about: string
  readonly run: () => Promise<unknown>
}

const examples: readonly Example[] = [
  { about: 'two levels: the same prompt, and the same meaning', run: () => import('./caching/1-two-levels.ts') },
  { about: 'deciding what to cache', run: () => import('./caching/2-what-to-cache.ts') },
  { about: 'a budget', run: () => import('./caching/3-a-budget.ts') },
  { about: 'providers fail', run: () => import('./caching/4-providers-fail.ts') },
  { about: "an agent's loop: searches, answers, tags", run: () => import('./caching/5-an-agents-loop.ts') },
  { name: 'plan', about: 'a plan in waves: release notes', run: () => import('./plan/main.ts') }
]

const named = examples.map((example, index) => ({ name: String(index + 1), ...example }))
const [wanted] = process.argv.slice(2)
const example = named.find(({ name }) => name === wanted)
if (example === undefined) {
  for (const { name, about } of named) console.log(`npm run example -- ${name.padEnd(4)}    ${about}`)
  if (wanted !== undefined) {
    console.error(`\nexpected ${named.map(({ name }) => name).join(', ')}, got ${wanted}`)
    process.exitCode = 1
  }
} else {
  await example.run()
}
