import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Client } from './client.ts'

/** What every part of the page may need. */
export interface Desk {
  readonly client: Client
  /** Shows an entry with its whole answer. */
  openEntry(key: string): void
  /** Asks everything anew, after something was changed. */
  refresh(): void
  /** Leads to where the token is typed. */
  askForToken(): void
}

export const DeskContext = createContext<Desk | undefined>(undefined)

export function useDesk(): Desk {
  const desk = useContext(DeskContext)
  if (desk === undefined) throw new Error('There is no desk above this part.')
  return desk
}
