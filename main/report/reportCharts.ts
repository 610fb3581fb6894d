// Which charts a report shows, and the tables behind them.

import { chartFigure } from './charts'
import { integer, loss, percent, ratio } from './figures'
import { html, type Markup, nothing } from './markup'
import { table } from './table'
import type { ReportTexts } from './texts'
import type { ReportData } from './types'

/** More layers than this are told by the table alone. */
const mostLines = 24
/** Tests and densities are told by at most about this many rows: the CSV has them all. */
const mostRows = 60

export function chartsSection(data: ReportData, texts: ReportTexts): Markup {
  const { iterations, tests, densities, model } = data
  const words = texts.charts
  const reference = model?.referenceAccuracy
  const xEnd = Math.max(last(iterations.iteration), last(tests.iteration), last(densities.iteration), 1)
  const common = { xLabel: words.iteration, xEnd }
  const figures = [
    chartFigure({
      ...common,
      title: words.loss,
      scale: 'linear',
      format: (value) => String(Number(value.toPrecision(3))),
      lines: [
        { label: words.trainingBatch, x: iterations.iteration, y: iterations.loss, color: 1, look: 'faint' },
        { label: words.testSet, x: tests.iteration, y: tests.loss, color: 2, look: 'dots' },
      ],
    }),
    chartFigure({
      ...common,
      title: words.accuracy,
      scale: 'linear',
      format: percent,
      // The batch's accuracy moves by tens of percents: it would flatten what is to be seen.
      lines: [{ label: words.testSet, x: tests.iteration, y: tests.accuracy, color: 2, look: 'dots' }],
      ...(reference === undefined ? {} : { level: { label: words.reference, value: reference } }),
    }),
    chartFigure({
      ...common,
      title: words.compression,
      scale: 'log',
      format: (value) => `${integer(value)}×`,
      lines: [
        {
          label: words.compression,
          x: iterations.iteration,
          y: iterations.compression,
          color: 3,
          look: 'line',
        },
      ],
    }),
    densities.layers.length > mostLines
      ? nothing
      : chartFigure({
          ...common,
          title: words.density,
          scale: 'share',
          format: (value) => `${Math.round(value * 100)}%`,
          lines: densities.layers.map((label, index) => ({
            label,
            x: densities.iteration,
            y: densities.kept[index],
            color: (index % 8) + 1,
            look: 'steps',
          })),
        }),
  ]
  const drawn = figures.filter((figure) => figure !== nothing)
  return html`<section>
    <h2>${words.heading}</h2>
    ${drawn.length === 0 ? html`<p class="muted">${words.nothing}</p>` : drawn} ${testTable(data, texts)}
    ${densityTable(data, texts)}
  </section>`
}

function testTable({ tests }: ReportData, { charts }: ReportTexts): Markup {
  const rows = spread(tests.iteration.length).map((index) => [
    integer(tests.iteration[index]),
    percent(tests.accuracy[index]),
    loss(tests.loss[index]),
    ratio(tests.compression[index]),
  ])
  if (rows.length === 0) return nothing
  const head = [charts.iteration, charts.accuracy, charts.loss, charts.compression]
  return html`<details>
    <summary>${charts.tests}</summary>
    ${table(head, rows)}
  </details>`
}

function densityTable({ densities }: ReportData, { charts }: ReportTexts): Markup {
  const rows = spread(densities.iteration.length).map((index) => [
    integer(densities.iteration[index]),
    ...densities.kept.map((column) => percent(column[index])),
  ])
  if (rows.length === 0) return nothing
  const head = [charts.iteration, ...densities.layers]
  return html`<details>
    <summary>${charts.densities}</summary>
    <p class="muted">${charts.densityNote}</p>
    ${table(head, rows)}
  </details>`
}

const last = (column: Float64Array): number => column.at(-1) ?? 0

/** Indexes evenly over a length, the first and the last among them. */
function spread(length: number): number[] {
  if (length <= mostRows) return Array.from({ length }, (_, index) => index)
  return Array.from({ length: mostRows }, (_, index) => Math.round((index * (length - 1)) / (mostRows - 1)))
}
