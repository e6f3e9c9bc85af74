import type { Documents } from '../src/core/retrieval-kind.ts'
import { prose } from './plans-prose.ts'

/** A subject on which the library has a general document and one for each of its cases. */
export interface Subject {
  readonly id: string
  readonly cases: readonly string[]
  /** What is searched for, in several wordings; `{case}` is one of the cases. */
  readonly wordings: readonly string[]
}

export const subjects: readonly Subject[] = [
  subject('late-payment', 'Austria, Germany, France, Poland', [
    'rules for late payment in {case}',
    'what are the rules for late payment in {case}',
    'what happens in {case} when somebody pays late'
  ]),
  subject('tax-rates', 'Austria, Germany, France, Poland', [
    'tax rates in {case}',
    'the tax rates of {case}',
    'how much tax is paid on goods in {case}'
  ]),
  subject('returns', 'books, clothes, furniture, food', [
    'return policy for {case}',
    'what is the return policy for {case}',
    'can customers send {case} back'
  ]),
  subject('carriers', 'letters, parcels, pallets', [
    'carriers that take {case}',
    'which carriers take {case}',
    'who ships {case} for us'
  ]),
  subject('payment-methods', 'cards, direct debit, bank transfer', [
    'settlement time of {case}',
    'what is the settlement time of {case}',
    'how long does it take until {case} are settled'
  ]),
  subject('discounts', 'students, staff, resellers', [
    'discount rules for {case}',
    'the rules of discounts for {case}',
    'how much cheaper do {case} get things'
  ]),
  subject('retention', 'invoices, contracts, log files', [
    'legal retention of {case}',
    'the legal retention period of {case}',
    'how long does the law make us keep {case}'
  ]),
  subject('currencies', 'EUR, USD, CHF', [
    'rounding of amounts in {case}',
    'the rounding of {case} amounts',
    'to how many digits are amounts in {case} rounded'
  ]),
  subject('incidents', 'data loss, slow answers, double charges', [
    'past incidents with {case}',
    'incidents of the past with {case}',
    'when did we last have {case}'
  ]),
  subject('customers', 'private persons, companies, public bodies', [
    'identity checks for {case}',
    'checks of the identity of {case}',
    'how do we make sure who {case} are'
  ])
]

function subject(id: string, cases: string, wordings: readonly string[]): Subject {
  return { id, cases: cases.split(', '), wordings }
}

/** The documents on all subjects. Each has an edition, which goes up when it is written anew. */
export class Library {
  readonly #editions = new Map<string, number>()
  readonly ids: readonly string[] = subjects.flatMap(({ id, cases }) => [id, ...cases.map((one) => caseId(id, one))])

  /** Writes a document anew. */
  edit(id: string): void {
    this.#editions.set(id, this.#editionOf(id) + 1)
  }

  /** What a good search finds: the document on the case, and the general one on its subject. */
  find(subjectId: string, ofCase: string): Documents {
    return [caseId(subjectId, ofCase), subjectId].map((id) => {
      const edition = this.#editionOf(id)
      const text = prose(`${id} ${edition}`, 90)
      return { id, edition, text: `Document ${documentRef(id, edition)}. ${text}` }
    })
  }

  /** By what the same in the same edition is known. */
  refs(subjectId: string, ofCase: string): readonly string[] {
    return [caseId(subjectId, ofCase), subjectId].map((id) => documentRef(id, this.#editionOf(id)))
  }

  #editionOf(id: string): number {
    return this.#editions.get(id) ?? 1
  }
}

function caseId(subjectId: string, ofCase: string): string {
  return `${subjectId}-${ofCase.toLowerCase().replaceAll(' ', '-')}`
}

function documentRef(id: string, edition: number): string {
  return `${id}@${edition}`
}
