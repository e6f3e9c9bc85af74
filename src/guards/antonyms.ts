import { axesOf, isOpposite } from './axes.ts'
import type { Guard } from './guard.ts'
import { type GuardedText, keyOf, type Word } from './guarded-text.ts'
import { functionWords } from './words.ts'

/** Objects when each text says the opposite of what the other says: more and less, enable and disable, he and she. */
export const antonyms: Guard = {
  name: 'antonyms',
  check(a, b) {
    const [onlyA, onlyB] = [missing(a, b), missing(b, a)]
    if (onlyA.length === 0 || onlyB.length === 0) return undefined
    for (const x of onlyA) {
      for (const y of onlyB) {
        if (isOpposite(axes, x.key, y.key)) return `${x.word} and ${y.word}`
        if (isNegated(x.word, y.word) || isNegated(y.word, x.word)) return `${x.word} and ${y.word}`
      }
    }
    return undefined
  }
}

/** Beyond so many the texts differ anyway, and comparing each with each would cost too much. */
const mostCompared = 16

function missing(from: GuardedText, other: GuardedText): readonly Word[] {
  const found: Word[] = []
  for (const word of from.words) {
    if (word.kind !== 'word' || other.keys.has(word.key)) continue
    if (found.push(word) > mostCompared) return []
  }
  return found
}

const negating = ['un', 'in', 'im', 'il', 'ir', 'dis', 'non', 'anti', 'de', 'mis']

/** `unhappy` of `happy`, `careless` of `careful`. */
function isNegated(long: string, short: string): boolean {
  if (short.length < 4) return false
  if (long.endsWith(short) && long.length > short.length)
    return negating.includes(long.slice(0, long.length - short.length))
  if (!long.endsWith('less') || long.length < 7) return false
  const root = long.slice(0, -4)
  return short === root || short === `${root}ful` || short === `${root}y`
}

/** Each line an axis, its sides parted by bars. */
const opposites = `
  increase raise grow rise gain | decrease reduce drop decline shrink lose
  enable activate allow permit encourage | disable deactivate block forbid prohibit ban disallow prevent discourage
  buy | sell | rent
  before | after | during
  prior earlier | later afterwards
  more | less fewer
  most | least fewest | all | some | none
  always | never | sometimes rarely seldom
  good better best great excellent | bad worse worst poor terrible
  import | export
  upload | download
  login | logout
  send | receive
  give | take
  lend | borrow
  win | lose
  start open | stop end close quit
  accept approve support | reject deny refuse oppose
  add include insert | remove exclude delete
  hire | fire
  push | pull
  teach | learn
  question ask | answer
  employer | employee
  buyer | seller
  lender | borrower
  he his him | she her hers | they their
  boy | girl
  guy | girl
  husband | wife
  mother mom mum | father dad
  brother | sister
  son | daughter
  uncle | aunt
  king | queen
  boyfriend | girlfriend
  bride | groom
  actor | actress
  north northern | south southern | east eastern | west western
  left | right
  up | down | even
  in inside | out outside
  on | off
  over above | under below beneath
  front | back
  top | bottom
  high higher highest tall taller tallest | low lower lowest short shorter shortest
  long longer longest | short shorter shortest brief
  big large larger largest bigger biggest | small smaller smallest tiny little
  hot warm hotter warmer | cold cool colder cooler
  quick fast faster fastest | slow slower slowest
  rich richer richest | poor poorer poorest
  old older oldest | young younger youngest | new newer newest
  early | late
  first | last previous | next
  same | different
  true | false
  real | fake
  public | private
  free | paid
  easy easier easiest | hard harder hardest
  cheap cheaper cheapest | expensive
  safe | dangerous
  healthy | sick
  happy | sad
  love enjoy | hate dislike
  single | married | divorced
  alive | dead
  spring | summer | autumn fall | winter
  morning | noon afternoon | evening | night
  yesterday | today | tomorrow
  past | present current | future
  monday | tuesday | wednesday | thursday | friday | saturday | sunday
  january | february | march | april | may | june | july | august | september | october | november | december
  positive | negative
  maximum max | minimum min
  majority | minority
  much | little
  odd | even
  input | output
  internal | external
  introvert | extrovert
  offline | online
  liberal | conservative
  offense offensive | defense defensive
  guilty | innocent
  strong stronger | weak weaker
  thick | thin
  fat | thin
  wide | narrow
  deep | shallow
  heavy | light
  loud | quiet
  wet | dry
  full | empty
  soft | hard
  advantage benefit pro | disadvantage drawback con
  temporary | permanent
  major | minor
  domestic | foreign international
  local | global
  analog | digital
  static | dynamic
  optional | mandatory compulsory
  primary | secondary
  former | latter
  optimistic | pessimistic
  active | passive
  arrive | leave depart
  success succeed | failure fail
  attack | defend
  create build | destroy
  encrypt encode | decrypt decode
  white | black | red | blue | green | yellow | brown
  second | minute | hour | day | week | month | year
  dollar | euro | pound | rupee | yen
  breakfast | lunch | dinner
  ascending | descending
  vertical | horizontal
  plaintiff | defendant
  credit | debit
  asset | liability
  supply | demand
  cause | effect
  theory | practice
  inclusive | exclusive
  gross | net
  client | server
  consumer | provider producer
  development | staging | production
  synchronous sync | asynchronous async
  upgrade | downgrade
  linear | exponential
  weekday | weekend
  hourly | daily | weekly | monthly | quarterly | yearly annual
  must should | may
  jetzt heute | gestern | morgen
  vor | nach
  mehr | weniger
  avant | apres
  plus | moins
  antes | despues
  mas | menos
`

const axes = axesOf(opposites, (word) => (functionWords.has(word) ? word : keyOf(word)))
