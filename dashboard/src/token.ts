/** The admin token: for this tab and as long as it is open, and never in an address that is sent anywhere. */

const name = 'reprise-admin-token'

export function readToken(): string | undefined {
  return sessionStorage.getItem(name) ?? undefined
}

export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(name)
  else sessionStorage.setItem(name, token)
}

/** Takes the token out of `#token=...`, and out of the address bar. */
export function takeTokenFromAddress(): void {
  const said = new URLSearchParams(location.hash.slice(1)).get('token')
  if (said === null) return
  history.replaceState(null, '', location.pathname + location.search)
  if (said !== '') keepToken(said)
}
