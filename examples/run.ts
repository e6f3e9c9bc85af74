// Runs an example by its number, or says which there are.

const examples = [
  { about: 'two levels: the same prompt, and the same meaning', run: () => import('./caching/1-two-levels.ts') },
  { about: 'deciding what to cache', run: () => import('./caching/2-what-to-cache.ts') },
  { about: 'a budget', run: () => import('./caching/3-a-budget.ts') },
  { about: 'providers fail', run: () => import('./caching/4-providers-fail.ts') },
  { about: "an agent's loop: searches, answers, tags", run: () => import('./caching/5-an-agents-loop.ts') }
]

const [wanted] = process.argv.slice(2)
const example = examples[Number(wanted) - 1]
if (example === undefined) {
  for (const [index, { about }] of examples.entries()) console.log(`npm run example -- ${index + 1}    ${about}`)
  if (wanted !== undefined) {
    console.error(`\nexpected a number from 1 to ${examples.length}, got ${wanted}`)
    process.exitCode = 1
  }
} else {
  await example.run()
}
