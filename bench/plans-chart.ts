/** What a bar stands for. */
export interface Bar {
  readonly name: string
  /** Beside the first bar's, in [0, ...). */
  readonly share: number
  /** As it is said: `$0.2103`. */
  readonly figure: string
}

export interface BarGroup {
  readonly title: string
  readonly bars: readonly Bar[]
}

const width = 720
const [nameWidth, figureWidth] = [206, 150]
const [barHeight, barStep, titleHeight, groupGap, top] = [20, 27, 30, 20, 66]

/** Bars side by side, each group beside its own first bar. Light or dark as whoever looks at it has it. */
export function drawChart(title: string, subtitle: string, groups: readonly BarGroup[]): string {
  const most = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ share }) => share)))
  const perShare = (width - nameWidth - figureWidth - 32) / most
  const parts: string[] = []
  let y = top
  for (const group of groups) {
    parts.push(`<text class="group" x="16" y="${y + 18}">${escaped(group.title)}</text>`)
    y += titleHeight
    for (const [index, { name, share, figure }] of group.bars.entries()) {
      const length = Math.max(2, share * perShare)
      const percent = index === 0 ? '' : ` <tspan class="share">${(share * 100).toFixed(0)} %</tspan>`
      parts.push(
        `<text class="name" x="${nameWidth + 8}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
        `<rect class="bar-${index}" x="${nameWidth + 16}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
        `<text class="figure" x="${(nameWidth + 24 + length).toFixed(1)}" y="${y + 15}">${escaped(figure)}${percent}</text>`
      )
      y += barStep
    }
    y += groupGap
  }
  const height = y
  const said = groups.map(
    (group) => `${group.title}: ${group.bars.map(({ name, figure }) => `${name} ${figure}`).join(', ')}`
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(said.join('; '))}</desc>
<style>
text { font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 } .group { font-weight: 600 } .subtitle, .share { fill: #59636e } .subtitle { font-size: 14px }
.ground { fill: #ffffff } .bar-0 { fill: #9aa4af } .bar-1 { fill: #7fb3e6 } .bar-2 { fill: #1f6fc4 } .bar-3 { fill: #0f7b6c }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .subtitle, .share { fill: #9aa4af }
.ground { fill: #0d1117 } .bar-0 { fill: #59636e } .bar-1 { fill: #2f5d8c } .bar-2 { fill: #4a9be8 } .bar-3 { fill: #2bb39c }
}
</style>
<rect class="ground" width="${width}" height="${height}" rx="6"/>
<text class="title" x="16" y="28">${escaped(title)}</text>
<text class="subtitle" x="16" y="50">${escaped(subtitle)}</text>
${parts.join('\n')}
</svg>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
