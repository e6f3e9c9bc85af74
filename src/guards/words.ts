import { stem } from './stem.ts'

/** Words that hold a sentence together and say nothing by themselves. Questions and negations have guards of their own. */
export const functionWords: ReadonlySet<string> = words(`
  a an the of to in on at for with by from into onto upon within about around over through during per via as than
  and or but nor so then too also both either if because since while whether though although unless until till
  i you we they he she it me us them him her my your our their his its mine yours ours theirs hers
  myself yourself himself herself itself ourselves themselves yourselves oneself one ones someone anyone everyone
  somebody anybody everybody something anything everything
  this that these those there here such same other others another
  between among amongst toward towards along across behind beside besides despite throughout
  am is are was were be been being do does did done doing have has had having can could will would shall should
  may might must ought going go gonna need needs let
  who whom whose what which where when why how not no never
  some any all each every many much more most few lot lots very just even only own
  up down out off again
  et al etc eg ie vs versus s
  的 了 吗 嗎 呢 是 在 和 与 與 我 你 您 们 們 这 這 那 也 就 都 而 及 或 之 于 於 以 为 為 被 把 请 請 问 問 吧 啊 一 个 個
`)

/** Of these, the ones that change with grammar and hardly ever with meaning. */
export const lightWords: ReadonlySet<string> = words(`
  a an the is are am was were be been being do does did some any of i you we one can could
`)

/** Such words in German, French and Spanish; in an English text many of them are other words (`die`, `son`, `war`). */
export const foreignFunctionWords: ReadonlySet<string> = words(`
  der die das den dem des ein eine einen einem einer eines und oder ist sind war waren wird werden wurde wurden von
  zu zum zur mit auf fur im am aus bei nach ich du er sie es wir ihr man mein dein sich als auch wie was wer wo
  wann warum welche welcher welches kann soll muss hat haben hatte dass in an um nicht kein keine
  le la les un une des du de et ou est sont etait pour par avec dans sur au aux ce cet cette ces qui que quoi quel
  quelle quels quelles comment pourquoi quand je tu il elle nous vous ils elles mon ma mes ton ta tes son sa ses se
  el los las una unos unas y es son era para por con en del al como cual cuales cuando donde quien mi tus su sus
  lo yo no ne pas
`)

/** What people add to a question without asking anything else. */
export const fillerWords: ReadonlySet<string> = words(`
  please kindly thanks thank hello hi hey dear
  best good better great top nice cool awesome amazing excellent ideal perfect proper right correct effective
  efficient recommended suggested recommend suggest helpful useful
  way ways method methods means approach tip tips trick tricks idea ideas thing things stuff step steps suggestion
  suggestions advice option options example examples kind kinds sort sorts type types various different
  really actually exactly truly indeed literally simply basically honestly certainly definitely probably possibly
  seriously properly actual real true main major certain particular interesting
  ever now currently presently today nowadays still already yet somehow well quite rather pretty
  particularly especially generally usually always often easily
  reason reasons fact term terms case opinion think thought believe tell explain describe know want wants wanted like would
  try get gets getting got people person persons mean means meaning feel
  possible possibility happen happens exist exists available
  rupee rupees rs inr ₹ dollar dollars usd bucks $ euro euros eur € pounds gbp £ yen jpy ¥ % percent
  bitte gerne mal denn eigentlich
`)

/** Groups of words that people put for each other; the first stands for all. All forms of a word are meant. */
export const synonyms: ReadonlyMap<string, string> = groups(`
  movie film
  phone mobile smartphone cellphone
  picture pic photo photograph image
  math mathematic
  make create build develop earn
  buy purchase
  start begin commence
  car automobile
  big large huge
  fix repair solve
  quick fast rapid speedy
  cheap affordable inexpensive
  improve enhance boost
  reduce decrease lower lessen
  benefit advantage pro
  drawback disadvantage con downside
  site website webpage
  app application
  usa america
  uk britain
  kid child
  girl female woman lady
  guy man male
  important significant
  choose select pick
  strange weird odd
  smart intelligent clever
  company firm
  cost price
  salary wage pay
  tv television
  info information
  ad advertisement advert
  bike motorcycle motorbike
  program programme
  doctor physician
  exam examination
  similar alike
  occur happen
  finish end
  help assist assistance aid
  delete remove erase
  easy simple
  hard difficult tough
  famous popular
  rich wealthy
  ill sick
  sex intercourse
  rupee rs inr ₹
  dollar usd buck $
  euro eur €
  pound gbp £
  yen jpy ¥
  percent percentage %
  and &
  vacation holiday
  gas petrol gasoline
  lawyer attorney
  pc computer
  everyday daily
  cpu processor
  tech technology technological
  whole entire
  legit legitimate genuine
  suitable appropriate
  skill ability
  overcome control cope deal
  issue problem
  symptom sign
  porn pornography
  show series
  nation country
  enjoy love
  resource material
  couch sofa
  film flick
  journey trip travel
  mistake error
  answer reply
  house home
  job employment occupation
  biggest largest
  universe cosmos
  world earth
  plot storyline
  dress gown
  urinate pee
  worried concerned
  vendor seller
  affect effect
  relation relationship
  resign quit
  level layer
  fact truth
  tool gadget
  guide tutorial
  hire recruit
  grade mark
  trailer teaser
  hotel accommodation
  weird bizarre
  terrible horrible awful
  afraid scared
  angry mad
  scary frightening
  location venue
  under below beneath
`)

/** Countries, peoples and languages that many write without a capital. */
export const places: ReadonlySet<string> = words(`
  afghanistan africa african america american arabia arabic argentina asia asian australia australian austria bangalore
  bangladesh belgium berlin brazil britain british california canada canadian chennai chile china chinese colombia delhi
  denmark dubai dutch egypt england english europe european finland france french german germany greece greek hindi
  hyderabad india indian indonesia iran iraq ireland irish israel italian italy japan japanese karachi kenya kolkata
  korea korean kuwait london malaysia malayalam mexican mexico moscow mumbai nepal netherlands nigeria nigerian norway
  pakistan pakistani paris peru philippines poland polish portugal portuguese pune qatar russia russian scotland
  singapore spain spanish swedish sweden switzerland sydney syria taiwan tamil telugu texas thailand tokyo toronto
  turkey turkish uae ukraine urdu usa vietnam wales
`)

function words(list: string): ReadonlySet<string> {
  return new Set(list.trim().split(/\s+/))
}

function groups(list: string): ReadonlyMap<string, string> {
  const rows = list
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(stem))
  return new Map(rows.flatMap(([head = '', ...others]) => others.map((other) => [other, head] as const)))
}
