import { oneOf, type Random } from '../src/testing/simulated/seeded.ts'

/** A question, and what a model says to it. */
export type Said = readonly [question: string, answer: string]

/** What customers of a lamp shop ask most. Some differ in a word that matters. */
export const shop: readonly Said[] = [
  [
    'Can I return an opened item that was on sale within 30 days?',
    'Yes. Opened items can be returned within 30 days of delivery as long as they are complete and undamaged, sale or not. The refund goes back to the payment method you used, usually within five working days.'
  ],
  [
    'Can I return an opened item that was on sale within 90 days?',
    'No, the period for opened items is 30 days. After that we can offer store credit for lamps from the current range; please write to us with the order number.'
  ],
  [
    'Where is my parcel when the tracking page has not changed for three days?',
    'A page that stands still for three days usually means that the parcel waits at a depot. We ask the carrier on your behalf; you hear from us within one working day.'
  ],
  [
    'Which regions are covered by the express service?',
    'The express service covers all mainland postcodes. Islands and mountain villages are served by standard delivery only.'
  ],
  [
    'Which regions are not covered by the express service?',
    'Islands and mountain villages are not covered by the express service. Everything else on the mainland is.'
  ],
  [
    'When does the Lisbon showroom close on Fridays in the summer?',
    'The Lisbon showroom closes at 16:00 on Fridays in July and August, and at 18:00 otherwise.'
  ],
  [
    'When does the Porto showroom close on Fridays in the summer?',
    'The Porto showroom closes at 17:00 on Fridays all year round.'
  ],
  [
    'How do I change the delivery address of an order that has not been sent yet?',
    'Open the order in your account and choose “Edit delivery”. As long as its state is “In preparation” the new address is used; after that the carrier can redirect the parcel once.'
  ],
  [
    'How do I reset the password of my customer account?',
    'Choose “Forgotten password” on the sign-in page. The link we send is valid for one hour. If nothing arrives, look into the spam folder and check the address.'
  ],
  [
    'Is the guarantee void after somebody else has repaired the lamp?',
    'The guarantee covers what we have made: it is void for the part that was repaired, and holds for all the others.'
  ],
  [
    'How long does a refund to a credit card take?',
    'We pay refunds within two working days of receiving the parcel. Card issuers take another three to five days to show them.'
  ],
  [
    'Do you ship spare shades without the lamp?',
    'Yes. Shades, cables and switches can be ordered by themselves; you find them on the page of each lamp under “Parts”.'
  ],
  [
    'Why was my invoice sent to the old company address?',
    'Invoices use the billing address at the time of the order. Change it in your account, and we will send a corrected invoice for this one.'
  ],
  [
    'Can I pay by invoice as a business customer?',
    'Yes, from the second order on. Ask for it once in your account under “Payment”; approval takes a working day.'
  ],
  [
    'How do I cancel a subscription for bulbs in the middle of a month?',
    'Under “Subscriptions” choose “End”. Nothing more is sent after the current box, and what was paid for the rest of the month is refunded.'
  ],
  [
    'How do I upgrade a subscription for bulbs in the middle of a month?',
    'Under “Subscriptions” choose “Change size”. The larger box comes from the next delivery on; the difference is charged then.'
  ]
]

/** What people ask about a planning tool, its users first. */
export const manual: readonly Said[] = [
  [
    'Show me how to import a project plan from a spreadsheet without losing the dependencies.',
    'Keep one row per task and one column for predecessors, by task number. In “Import” map that column to “Depends on”; lags such as 3FS+2d are read too. Check the preview for rows in red before you confirm.'
  ],
  [
    'What is the difference between a milestone and a deadline in the timeline?',
    'A milestone is an event with no length that other tasks may depend on. A deadline is a mark on a task: it moves nothing and only warns you when the task ends after it.'
  ],
  [
    'How do I enable notifications for all members of a project?',
    'Open “Project settings”, then “Notifications”, and switch on “For everyone”. Members can still mute single topics for themselves.'
  ],
  [
    'How do I disable notifications for all members of a project?',
    'Open “Project settings”, then “Notifications”, and switch off “For everyone”. Mentions by name are still delivered.'
  ],
  [
    'Which roles may approve a change of the baseline?',
    'Owners and planners may. Editors can propose a change, which then waits under “Approvals” for one of them.'
  ],
  [
    'Why does the critical path change after I have levelled the resources?',
    'Levelling delays tasks whose people are taken. A delayed task without float pushes its successors, and the longest chain may then be another one.'
  ],
  [
    'Write a formula that counts working days between two dates without public holidays.',
    'WORKDAYS(start, end, holidays) counts them, both ends included; subtract one when the first day is not worked. The third argument is the name of a calendar.'
  ],
  [
    'Can guests see the costs of tasks in a shared view?',
    'Not unless the view contains a cost column and “Show amounts” is on. By default guests see dates, names and states only.'
  ],
  [
    'How many projects can be compared in one portfolio chart?',
    'Up to twelve. Beyond that the chart groups them by programme, which you can unfold one at a time.'
  ],
  [
    'How do I restore a task that was deleted last week?',
    'Deleted tasks stay in “Bin” for 30 days, with their dependencies. Select the task and choose “Put back”; dates are not changed.'
  ]
]

/** Tickets that a model sorts each night. */
const tickets = [
  'My invoice shows the old address.',
  'The lamp flickers when I dim it below half.',
  'Parcel arrived, but the shade is broken.',
  'I cannot sign in since the update.',
  'Please send me the declaration of conformity.',
  'The discount code is not accepted at checkout.',
  'How long do the bulbs last?',
  'The delivery was left in the rain.',
  'I was charged twice for the same order.',
  'The switch is warm after an hour.'
]

const topics = ['billing', 'product', 'delivery', 'account', 'documents']

const lamps = ['Vesper', 'Halden', 'Orrery', 'Lumen', 'Tarn', 'Skerry', 'Fathom', 'Beacon']
const places = ['Portugal', 'Spain', 'Norway', 'Ireland', 'Austria', 'Denmark', 'Poland', 'Italy', 'Greece', 'Finland']
const readers = ['a resident', 'an architect', 'the council', 'a journalist', 'a school class']
const features = [
  'calendars',
  'baselines',
  'resource pools',
  'custom fields',
  'approvals',
  'saved views',
  'risk registers'
]
const exports = ['a spreadsheet', 'a slide', 'a PDF report', 'a web page', 'an archive']

/** What a repair costs, as the shop's assistant is told. */
export const repairs = lamps
  .flatMap((lamp, index) =>
    places.map((place, far) => `A repair of the ${lamp} in ${place}: ${38 + 4 * index} euros an hour, ${5 + far} days.`)
  )
  .join('\n')

/** What can be put where, as the manual's assistant is told. */
export const outputs = features
  .flatMap((feature) => exports.map((place) => `Put ${feature} into ${place}: File, Export, and there "${feature}".`))
  .join('\n')

/** A passage of a handbook that is indexed; documents change, and most of their passages do not. */
export function passage(random: Random): string {
  const [question, answer] = oneOf(random, [...shop, ...manual])
  const part = Math.floor(40 * random() ** 1.5)
  return `${question} ${answer} (Section ${part} of the handbook.)`
}

/** Questions that few people ask, most of them near to others. */
export const rare = {
  shop: (random: Random): string =>
    random() < 0.5
      ? `What does it cost to have the ${oneOf(random, lamps)} floor lamp repaired in ${oneOf(random, places)}?`
      : `Where is order ${Math.floor(40_000 + random() * 9000)}?`,
  manual: (random: Random): string =>
    `Exporting ${oneOf(random, features)} as ${oneOf(random, exports)}, release ${Math.floor(2 + random() * 60)}: how?`,
  zoning: (random: Random): string =>
    `Summarise chapter ${Math.floor(2 + random() ** 1.5 * 60)} of the zoning plan for ${oneOf(random, readers)}.`,
  ticket(random: Random): string {
    const complaints = Array.from({ length: Math.floor(1 + 2.4 * random()) }, () => oneOf(random, tickets))
    return `Classify this ticket: “${complaints.join(' ')}”`
  }
} as const

const said = new Map([...shop, ...manual])

/** What a simulated model says; undefined: whatever it likes. */
export function answerTo(asked: string, random: Random): string | undefined {
  const known = said.get(asked)
  if (known !== undefined) return known
  if (asked.startsWith('Classify'))
    return JSON.stringify({ topic: oneOf(random, topics), urgency: oneOf(random, ['low', 'normal']), language: 'en' })
  if (asked.startsWith('Where is order'))
    return 'It left our warehouse on Thursday evening and waits at the depot of the carrier. The next attempt is on Monday between 9:00 and 13:00; you can choose another day in the tracking page.'
  if (asked.startsWith('What does it cost'))
    return 'Within the guarantee nothing. After it we charge 38 euros for an hour of work, the parts, and the way there and back; you get an offer before anything is done.'
  if (asked.startsWith('Summarise'))
    return 'A carport of up to 18 square metres needs no permit as long as it stands three metres from the boundary and drains onto your own ground. The chapter adds two exceptions: corner plots keep five metres to both streets, and in the old town the roof must be pitched. Ask for the written confirmation before you order anything.'
  return undefined
}

/** The same in other words, as people say it: politely, carelessly, or in a hurry. */
export function reworded(question: string, random: Random): string {
  const bare = question.replace(/[?.]$/, '')
  const way = random()
  if (way < 0.3) return bare.toLowerCase()
  if (way < 0.5) return `${bare}, please?`
  if (way < 0.75) return question.replace(/^How do I /, 'How can I ').replace(/^Can I /, 'Could I ')
  return bare.replace(/ (the|an|a) /g, ' ')
}
