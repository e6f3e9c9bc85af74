import { chatToMessages } from './chat-to-messages.ts'
import type { Crossing } from './crossing.ts'
import { messagesToChat } from './messages-to-chat.ts'
import type { Wire } from './wire.ts'

const crossings: readonly Crossing[] = [chatToMessages, messagesToChat]

/** What carries requests of one dialect over to another; undefined where nothing does, and for a wire and itself. */
export function crossingBetween(from: Wire, to: Wire): Crossing | undefined {
  return crossings.find((crossing) => crossing.from === from.name && crossing.to === to.name)
}
