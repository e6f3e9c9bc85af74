import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { GuardedText, Word } from './guarded-text.ts'

/** Objects when one text denies what the other says, or says that it was so once. */
export const negation: Guard = {
  name: 'negation',
  check(a, b) {
    const [inA, inB] = [denials(a), denials(b)]
    if (inA.length % 2 === inB.length % 2) return undefined
    const { onlyA, onlyB } = difference(a, b)
    // Texts that share few words may well say the same by a double negation: `unaware` and `did not know`.
    if (apart(onlyA) > most || apart(onlyB) > most) return undefined
    return [...inA, ...inB].join(', ')
  }
}

const most = 2

const deny = new Set(
  `not no never without none nobody nothing neither nor nowhere cannot hardly barely scarcely unable incapable
  fail failed fails failing refuse refuses refused refusing lack lacks lacking lacked avoid avoids avoided avoiding
  prevent prevents prevented preventing missing non absent absence except exempt exemption exemptions exception
  exclude excluded excluding deny denied denies reject rejects rejected rejecting ban banned forbidden prohibited
  impossible unlikely useless unsuitable unrelated against contrary formerly former
  nicht kein keine keinen keinem keiner nie niemals ohne nichts ne pas jamais sans rien aucun aucune nunca sin nada
  ningun ninguna jamas
  不 没 沒 无 無 非 未 否 别 勿 не нет ни без никогда لا لم لن ليس ما بدون غير ない ません 없 않 안`.split(/\s+/)
)

function denials({ words }: GuardedText): readonly string[] {
  const found: string[] = []
  for (const [at, { word }] of words.entries()) if (deny.has(word) || isPast(words, at)) found.push(word)
  return found
}

/** `used to`, `did use to`: not any more. */
function isPast(words: readonly Word[], at: number): boolean {
  const { word } = words[at] ?? {}
  return (word === 'used' || word === 'use') && words[at + 1]?.word === 'to' && words[at + 2]?.word === 'be'
}

function apart(only: readonly Word[]): number {
  return only.filter(({ word }) => !deny.has(word)).length
}
