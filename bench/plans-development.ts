import { type Intent, intents, type Role, type Values } from './plans-intents.ts'
import { subjects } from './plans-library.ts'

/** Each in its language, on its store. */
export const services: readonly (readonly [name: string, language: string, store: string, modules: string])[] = [
  [
    'orders',
    'TypeScript',
    'PostgreSQL',
    'cart, checkout, pricing, order history, cancellation, gift card, delivery slot, wish list, stock reservation, back order, bundle, order export'
  ],
  [
    'invoices',
    'Java',
    'MySQL',
    'invoice, credit note, reminder, tax line, payment matching, ledger entry, numbering, invoice archive, dunning level, cost centre, statement, e-invoice'
  ],
  [
    'shipments',
    'Go',
    'PostgreSQL',
    'label, tracking, carrier, pick-up, customs form, return parcel, route, pallet, proof of delivery, weight check, depot, shipping rate'
  ],
  [
    'subscriptions',
    'Python',
    'SQLite',
    'subscription, plan change, trial, renewal, usage meter, proration, coupon, seat, cancellation survey, billing cycle, add-on, grace period'
  ],
  [
    'support',
    'TypeScript',
    'MongoDB',
    'ticket, reply template, escalation, satisfaction survey, knowledge article, chat session, agent shift, complaint, attachment, call-back, macro, team inbox'
  ]
]

/** How often something becomes of an atom from one revision to the next. These are choices: the report says what comes of them. */
export const odds = {
  changed: {
    outline: 0.02,
    shared: 0.03,
    operations: 0.07,
    design: 0.05,
    code: 0.07,
    tests: 0.08,
    docs: 0.08,
    review: 0.08,
    summary: 0.1
  },
  rephrased: {
    outline: 0.02,
    shared: 0.05,
    operations: 0.08,
    design: 0.06,
    code: 0.08,
    tests: 0.08,
    docs: 0.08,
    review: 0.08,
    summary: 0.08
  },
  moduleReplaced: 0.4,
  operationsReplaced: 0.06,
  editedDocuments: 2,
  /** Of the atoms that look something up. */
  searching: { code: 0.6, operations: 0.2 }
} as const

export const sizes = { modules: 8, outlines: 2, operations: 9, shared: 5, summaries: 1 } as const

/** An atom while the plan is developed. */
export interface Draft {
  readonly id: string
  readonly role: Role
  readonly module?: string
  readonly needs: readonly string[]
  intent: Intent
  values: Values
  wording: number
  search?: { readonly subject: number; readonly ofCase: string; wording: number }
}

/** A plan, or the part that all plans have in common, and how it becomes another. */
export class Developed {
  readonly name: string
  readonly drafts = new Map<string, Draft>()
  readonly #random: () => number
  readonly #values: Values
  readonly #unused: string[]
  #count = 0

  constructor(name: string, random: () => number, values: Values = { language: 'TypeScript' }, modules: string[] = []) {
    this.name = name
    this.#random = random
    this.#values = values
    this.#unused = modules
  }

  beginWhole(): void {
    this.begin('outline', sizes.outlines, [])
    this.begin('operations', sizes.operations, [])
    for (let count = 0; count < sizes.modules; count++) this.#beginModule()
    this.begin('summary', sizes.summaries, [])
  }

  /** Adds atoms of one role, each with another intent. */
  begin(role: Role, count: number, needs: readonly string[], module?: string): readonly string[] {
    return Array.from({ length: count }, () => this.#add(role, needs, module))
  }

  /** From one revision to the next. */
  develop(): void {
    for (const draft of this.drafts.values()) {
      if (this.#isLucky(odds.changed[draft.role])) this.#change(draft)
      else if (this.#isLucky(odds.rephrased[draft.role])) this.#rephrase(draft)
    }
    if (this.#unused.length > 0 && this.#isLucky(odds.moduleReplaced)) {
      const modules = [...new Set([...this.drafts.values()].flatMap(({ module }) => module ?? []))]
      const gone = one(modules, this.#random)
      for (const [id, { module }] of this.drafts) if (module === gone) this.drafts.delete(id)
      this.#beginModule()
    }
    for (const [id, { role }] of [...this.drafts]) {
      if (role !== 'operations' || !this.#isLucky(odds.operationsReplaced)) continue
      this.drafts.delete(id)
      this.#add('operations', [])
    }
  }

  /** From its design to its review. The module's name goes with each of them. */
  #beginModule(): void {
    const [module = ''] = this.#unused.splice(Math.floor(this.#random() * this.#unused.length), 1)
    const outlines = [...this.drafts.values()].filter(({ role }) => role === 'outline').map(({ id }) => id)
    const design = this.#add('design', [one(outlines, this.#random)], module)
    const code = this.#add('code', [design], module)
    const tests = this.#add('tests', [code], module)
    this.#add('docs', [design], module)
    this.#add('review', [code, tests], module)
  }

  #add(role: Role, needs: readonly string[], module?: string): string {
    this.#count += 1
    const id = `${this.name}-${role}-${this.#count}`
    const isTaken = (intent: Intent): boolean =>
      [...this.drafts.values()].some((other) => other.intent === intent && other.module === module)
    const intent = one(
      intents.filter((each) => each.role === role && !isTaken(each)),
      this.#random
    )
    const values = { ...this.#values, ...(module === undefined ? {} : { module }), ...this.#drawn(intent) }
    const wording = Math.floor(this.#random() * intent.wordings.length)
    const draft: Draft = { id, role, needs, intent, values, wording, ...(module === undefined ? {} : { module }) }
    const searching = role === 'code' || role === 'operations' ? odds.searching[role] : 0
    if (this.#isLucky(searching)) {
      const subject = Math.floor(this.#random() * subjects.length)
      draft.search = { subject, ofCase: one(subjects[subject]?.cases ?? [], this.#random), wording: 0 }
    }
    this.drafts.set(id, draft)
    return id
  }

  /** Another value of one parameter: mostly one word or number less and another one more. */
  #change(draft: Draft): void {
    const [name, values] = one([...draft.intent.parameters], this.#random)
    const others = values.filter((value) => value !== draft.values[name])
    draft.values = { ...draft.values, [name]: one(others, this.#random) }
    // Who changes a sentence sometimes words it anew as well.
    if (this.#isLucky(0.2)) this.#rephrase(draft)
  }

  #rephrase(draft: Draft): void {
    const count = draft.intent.wordings.length
    draft.wording = (draft.wording + 1 + Math.floor(this.#random() * (count - 1))) % count
    if (draft.search !== undefined && this.#isLucky(0.5)) draft.search.wording += 1
  }

  #drawn({ parameters }: Intent): Values {
    return Object.fromEntries([...parameters].map(([name, values]) => [name, one(values, this.#random)]))
  }

  #isLucky(odd: number): boolean {
    return this.#random() < odd
  }
}

/** Any of them. */
export function one<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}
