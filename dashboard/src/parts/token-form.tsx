import { useState } from 'preact/hooks'

export const tokenFieldId = 'admin-token'

interface TokenFormProps {
  /** A token was shown, and not taken. */
  readonly shown: boolean
  /** Why nobody may, where a token would not help. */
  readonly why: string | undefined
  readonly onToken: (token: string) => void
}

/** Asks for the admin token. */
export function TokenForm({ shown, why, onToken }: TokenFormProps) {
  const [typed, setTyped] = useState('')
  return (
    <form
      class="token-form"
      aria-label="Admin token"
      onSubmit={(event) => {
        event.preventDefault()
        const token = typed.trim()
        if (token !== '') onToken(token)
      }}
    >
      <label for={tokenFieldId}>
        {why !== undefined ? (
          <span class="long" role="alert">
            {why}
          </span>
        ) : shown ? (
          <strong role="alert">The gateway did not take this token.</strong>
        ) : (
          'Texts, tags, entries and switches need the admin token.'
        )}
      </label>
      <span class="token-line">
        <input
          id={tokenFieldId}
          type="password"
          placeholder="Admin token"
          autocomplete="off"
          spellcheck={false}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Unlock
        </button>
      </span>
      <span class="note">Kept in this tab until it is closed.</span>
    </form>
  )
}
