import type { Atom, Plan } from '../plans/plan.ts'
import { columnsOf, cutTo } from './columns.ts'
import { plural } from './figures.ts'
import { oneLine } from './table.ts'

/** How a plan would run: its waves, their atoms, and what each of them needs. No line has more columns than `width`. */
export function planPicture(
  plan: Plan,
  waves: readonly (readonly Atom[])[],
  width = Number.POSITIVE_INFINITY
): string[] {
  const sharing = plan.sharing === 'isolated' ? ', its answers for itself alone' : ''
  const count = `${plural(plan.atoms.length, 'atom', 'atoms')} in ${plural(waves.length, 'wave', 'waves')}`
  const lines = [`${plan.id}: ${count}${sharing}`]
  const names = Math.max(0, ...plan.atoms.map(({ id }) => columnsOf(oneLine(id))))
  const models = Math.max(0, ...plan.atoms.map((atom) => columnsOf(modelOf(atom))))
  for (const [at, atoms] of waves.entries()) {
    lines.push('', `wave ${at + 1}: ${plural(atoms.length, 'atom', 'atoms')}`)
    for (const atom of atoms) {
      const needs = atom.needs.length === 0 ? '' : `  <- ${atom.needs.map(oneLine).join(', ')}`
      lines.push(`  ${padded(oneLine(atom.id), names)}  ${padded(modelOf(atom), models)}${needs}`.trimEnd())
    }
  }
  return lines.map((line) => cutTo(line, width))
}

function modelOf({ body }: Atom): string {
  const model = typeof body === 'object' && body !== null && 'model' in body ? body.model : undefined
  return typeof model === 'string' ? oneLine(model) : ''
}

function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)))
}
