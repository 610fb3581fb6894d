// Charts as inline SVG: no script, colours by the page's own style sheet, so that they follow the reader's theme.

import { type Axis, linearAxis, logAxis, tightAxis } from './axis'
import { integer } from './figures'
import { type Markup, html, nothing } from './markup'
import { thin } from './thin'

export interface ChartLine {
  label: string
  x: Float64Array
  y: Float64Array
  /** 1..8, of the page's colours. */
  color: number
  look?: 'line' | 'dots' | 'steps' | 'faint'
}

export interface Chart {
  title: string
  xLabel: string
  /** The last value of the x axis, which starts at 0: the same in charts that are read together. */
  xEnd: number
  scale: 'linear' | 'log' | 'share'
  format(value: number): string
  lines: ChartLine[]
  /** A dashed line across. */
  level?: { label: string; value: number }
}

const width = 720
const height = 250
const frame = { left: 62, right: 28, top: 10, bottom: 34 }
const buckets = 400

export function chartFigure(chart: Chart): Markup {
  const lines = chart.lines.filter(({ y }) => y.some(Number.isFinite))
  if (lines.length === 0) return nothing
  const x = tightAxis(0, chart.xEnd)
  const y = yAxis(chart, lines)
  const paper = new Paper(x, y)
  return html`<figure>
    <figcaption>
      <h3>${chart.title}</h3>
      ${legend(chart, lines)}
    </figcaption>
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${chart.title}">
      ${gridOf(paper, chart)} ${lines.map((line) => drawn(line, paper))}
      ${
        chart.level === undefined
          ? nothing
          : html`<line
              class="level"
              x1="${frame.left}"
              x2="${width - frame.right}"
              y1="${paper.y(chart.level.value)}"
              y2="${paper.y(chart.level.value)}"
            />`
      }
    </svg>
  </figure>`
}

/** From values to points of the picture, with one decimal: finer than any screen shows at this size. */
class Paper {
  constructor(
    readonly xAxis: Axis,
    readonly yAxis: Axis,
  ) {}

  x(value: number): string {
    return (frame.left + this.xAxis.share(value) * (width - frame.left - frame.right)).toFixed(1)
  }

  y(value: number): string {
    return (height - frame.bottom - this.yAxis.share(value) * (height - frame.top - frame.bottom)).toFixed(1)
  }
}

function yAxis({ scale, level }: Chart, lines: ChartLine[]): Axis {
  if (scale === 'share') return linearAxis(0, 1)
  const columns = [...lines.map((line) => line.y), ...(level ? [Float64Array.of(level.value)] : [])]
  const high = largest(columns)
  return scale === 'log' ? logAxis(high) : linearAxis(least(columns), high)
}

function legend(chart: Chart, lines: ChartLine[]): Markup[] {
  const keys = lines.map(
    ({ label, color }) => html`<span class="key"><i class="color-${color}"></i>${label}</span> `,
  )
  if (chart.level === undefined) return keys
  const { label, value } = chart.level
  return [...keys, html`<span class="key"><i class="level"></i>${label} ${chart.format(value)}</span>`]
}

function gridOf(paper: Paper, { format, xLabel }: Chart): Markup {
  const right = width - frame.right
  const bottom = height - frame.bottom
  return html`<g class="grid">
      ${paper.yAxis.ticks.map((tick) => html`<line x1="${frame.left}" x2="${right}" y1="${paper.y(tick)}" y2="${paper.y(tick)}" />`)}
    </g>
    <g class="ticks">
      ${paper.yAxis.ticks.map((tick) => html`<text x="${frame.left - 6}" y="${paper.y(tick)}" dy="4" text-anchor="end">${format(tick)}</text>`)}
      ${paper.xAxis.ticks.map((tick) => html`<text x="${paper.x(tick)}" y="${bottom + 14}" text-anchor="middle">${integer(tick)}</text>`)}
      <text x="${(frame.left + right) / 2}" y="${height - 5}" text-anchor="middle">${xLabel}</text>
    </g>`
}

function drawn(line: ChartLine, paper: Paper): Markup {
  if (line.look === 'dots') {
    const marks = Array.from(line.x, (x, index) =>
      Number.isFinite(line.y[index])
        ? html`<circle cx="${paper.x(x)}" cy="${paper.y(line.y[index])}" r="2.2" />`
        : nothing,
    )
    return html`<path class="line color-${line.color}" d="${pathOf(line, paper)}" /><g
        class="dots color-${line.color}"
        >${marks}</g
      >`
  }
  const faint = line.look === 'faint' ? ' faint' : ''
  return html`<path class="line color-${line.color}${faint}" d="${pathOf(line, paper)}" />`
}

function pathOf(line: ChartLine, paper: Paper): string {
  const { x, y } = thin(line.x, line.y, buckets)
  let path = ''
  for (let index = 0; index < x.length; index++) {
    if (!Number.isFinite(y[index])) continue
    const here = paper.x(x[index])
    const step = line.look === 'steps' && path !== '' ? `H${here}` : ''
    path += `${step}${path === '' ? 'M' : 'L'}${here} ${paper.y(y[index])}`
  }
  return line.look === 'steps' && path !== '' ? `${path}H${width - frame.right}` : path
}

function least(columns: Float64Array[]): number {
  return reduce(columns, Math.min, Infinity)
}

function largest(columns: Float64Array[]): number {
  return reduce(columns, Math.max, -Infinity)
}

// not Math.max(...values): a run has more values than a call takes arguments
function reduce(columns: Float64Array[], choose: (a: number, b: number) => number, start: number): number {
  let found = start
  for (const column of columns)
    for (const value of column) if (Number.isFinite(value)) found = choose(found, value)
  return Number.isFinite(found) ? found : 0
}
