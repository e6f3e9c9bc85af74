import type { Budget, Budgets as Said } from '../api.ts'
import { dollars, moment, percent, relative } from '../format.ts'
import type { Part } from '../use-live.ts'
import { Empty, Panel, With } from './panel.tsx'

export function Budgets({ budgets }: { readonly budgets: Part<Said> }) {
  return (
    <Panel title="Budgets">
      <With part={budgets}>
        {(said) =>
          said.budgets.length === 0 ? (
            <Empty>No budget is set.</Empty>
          ) : (
            <ul class="bars">
              {said.budgets.map((budget) => (
                <Bar key={`${budget.name} ${budget.of ?? ''}`} budget={budget} />
              ))}
            </ul>
          )
        }
      </With>
    </Panel>
  )
}

function Bar({ budget }: { readonly budget: Budget }) {
  const { name, of, period, limitUsd, spentUsd, reservedUsd, resetsAt, unpriced } = budget
  const share = (part: number | null) => (limitUsd ? Math.min(1, Math.max(0, (part ?? 0) / limitUsd)) : 0)
  const spent = share(spentUsd)
  const level = spent >= 0.95 ? 'bad' : spent >= 0.8 ? 'warn' : 'good'
  return (
    <li>
      <p class="bar-line">
        <span class="long">
          <strong>{name}</strong> {of && <span class="muted">{of}</span>}
        </span>
        <span class="figures-right">
          {dollars(spentUsd)} <span class="muted">of {limitUsd === null ? 'no limit' : dollars(limitUsd)}</span>
        </span>
      </p>
      <span
        class="bar"
        role="img"
        aria-label={`${percent(spent, 0)} spent, ${percent(share(reservedUsd), 0)} reserved`}
      >
        <span class={`bar-fill ${level}`} style={{ width: `${spent * 100}%` }} />
        <span class="bar-fill reserved" style={{ width: `${Math.min(share(reservedUsd), 1 - spent) * 100}%` }} />
      </span>
      <p class="bar-line note">
        <span>
          {period}
          {reservedUsd ? `, ${dollars(reservedUsd)} reserved` : ''}
          {unpriced ? `, ${unpriced} without a price` : ''}
        </span>
        {resetsAt !== null && <span title={moment(resetsAt)}>resets {relative(resetsAt)}</span>}
      </p>
    </li>
  )
}
