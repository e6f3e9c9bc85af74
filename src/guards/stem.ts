/**
 * An English word without its inflection, so that `recipes`, `cooking` and `cooked` meet `recipe` and `cook`. Light on
 * purpose: what makes a word of another meaning (`-er`, `-ion`, `-ment`, `un-`) stays. British spellings become American.
 * A stem is for comparing, not for showing: a final `e` goes, and doubled consonants are made single.
 */
export function stem(word: string): string {
  const irregular = irregularForms.get(word)
  if (irregular !== undefined) return irregular
  if (word.length < 4) return word
  let base = american(word)
  if (base.endsWith('ies') && base.length > 4) base = `${base.slice(0, -3)}y`
  else if (/(?:s|x|z|ch|sh)es$/.test(base)) base = base.slice(0, -2)
  else if (base.endsWith('s') && !/(?:ss|us|is)$/.test(base)) base = base.slice(0, -1)
  if (base.endsWith('ied') && base.length > 4) base = `${base.slice(0, -3)}y`
  else if (base.endsWith('ing') && hasVowel(base, base.length - 3) && base.length > 5) base = base.slice(0, -3)
  else if (base.endsWith('ed') && hasVowel(base, base.length - 2) && base.length > 4) base = base.slice(0, -2)
  else if (base.endsWith('ly') && base.length > 5) base = base.slice(0, -2)
  return single(base)
}

function american(word: string): string {
  return word
    .replace(/our/, 'or')
    .replace(/is(?=e|ing|ation)/, 'iz')
    .replace(/ys(?=e|ing)/, 'yz')
    .replace(/tre(?=s?$)/, 'ter')
    .replace(/ll(?=ed$|ing$|er$)/, 'l')
    .replace(/ogue/, 'og')
    .replace(/ae/, 'e')
}

/** `hopp` and `hop`, `mak` and `make`, `happi` and `happy` are one. */
function single(base: string): string {
  let end = base.length
  if (end > 3 && base.charCodeAt(end - 1) === 101) end--
  else if (end > 3 && base.charCodeAt(end - 1) === base.charCodeAt(end - 2)) end--
  const short = base.slice(0, end)
  return short.endsWith('i') && end > 2 ? `${short.slice(0, -1)}y` : short
}

function hasVowel(word: string, end: number): boolean {
  for (let at = 0; at < end; at++) if ('aeiouy'.includes(word.charAt(at))) return true
  return false
}

const irregularForms: ReadonlyMap<string, string> = new Map(
  Object.entries({
    be: 'am is are was were been being',
    build: 'built',
    buy: 'bought',
    bring: 'brought',
    begin: 'began begun',
    break: 'broke broken',
    catch: 'caught',
    child: 'children',
    choos: 'chose chosen',
    com: 'came',
    die: 'dying died dies',
    driv: 'drove driven',
    eat: 'ate eaten',
    fall: 'fell fallen',
    feel: 'felt',
    fight: 'fought',
    find: 'found',
    foot: 'feet',
    forget: 'forgot forgotten',
    get: 'got gotten',
    giv: 'gave given',
    go: 'going goes went gone',
    grow: 'grew grown',
    hear: 'heard',
    hid: 'hidden',
    keep: 'kept',
    know: 'knew known',
    learn: 'learnt',
    leav: 'left',
    lie: 'lying lied lies',
    los: 'lost',
    mak: 'made',
    man: 'men',
    mean: 'meant',
    meet: 'met',
    mous: 'mice',
    pay: 'paid',
    person: 'persons',
    ride: 'rode ridden',
    run: 'ran',
    say: 'said',
    see: 'saw seen',
    sell: 'sold',
    send: 'sent',
    sit: 'sat',
    sleep: 'slept',
    speak: 'spoke spoken',
    spend: 'spent',
    stand: 'stood',
    steal: 'stole stolen',
    tak: 'took taken',
    teach: 'taught',
    tell: 'told',
    think: 'thought',
    tooth: 'teeth',
    understand: 'understood',
    wak: 'woke woken',
    wear: 'wore worn',
    win: 'won',
    woman: 'women',
    writ: 'wrote written'
  }).flatMap(([base, forms]) => forms.split(' ').map((form) => [form, base] as const))
)
