// What the three charts of a run show. They share the cursor and the zoom along the iterations.

import uPlot from 'uplot'

import type { RunSeries } from '../series/RunSeries'
import { smooth, thin } from '../series/thin'
import { formatLoss, formatPercent, formatRatio } from '../format'
import { themeColor } from './useChart'

export interface ChartInput {
  series: RunSeries
  /** Weight of the moving average, 0..1. */
  smoothing: number
  referenceAccuracy: number | null
}

export interface RunChart {
  title: string
  series(): uPlot.Series[]
  scale: uPlot.Scale
  formatTick(value: number): string
  tables(input: ChartInput, width: number): uPlot.AlignedData[]
}

const dotsOnly = { show: true, size: 5 }

function line(
  label: string,
  color: string,
  format: (value: number) => string,
  more: Partial<uPlot.Series> = {},
) {
  const value = (_plot: uPlot, raw: number | null) => (raw === null || raw === undefined ? '–' : format(raw))
  return {
    label,
    stroke: themeColor(color),
    width: 1.5,
    spanGaps: true,
    points: { show: false },
    value,
    ...more,
  }
}

const notFinite = (value: number) => (Number.isFinite(value) ? value : null)

function thinned(x: Float64Array, y: Float64Array, width: number): uPlot.AlignedData {
  const points = thin(x, y, Math.max(100, Math.round(width)))
  return [Array.from(points.x), Array.from(points.y, notFinite)]
}

/** The reference as a level line from the first to the last iteration shown. */
function level(x: Float64Array, value: number | null): uPlot.AlignedData {
  if (x.length === 0 || value === null) return [[], []]
  return [
    [x[0], x[x.length - 1]],
    [value, value],
  ]
}

export const lossChart: RunChart = {
  title: 'Loss',
  scale: {},
  formatTick: (value) => String(Number(value.toPrecision(3))),
  series: () => [
    line('Training, raw', 'series-faint', formatLoss, { width: 1 }),
    line('Training', 'series-1', formatLoss),
    line('Test set', 'series-2', formatLoss, { points: dotsOnly }),
  ],
  tables({ series, smoothing }, width) {
    const { iteration, loss } = series.iterations
    const { tests } = series
    return [
      thinned(iteration.view(), loss.view(), width),
      thinned(iteration.view(), smooth(loss.view(), smoothing), width),
      thinned(tests.iteration.view(), tests.loss.view(), width),
    ]
  },
}

export const accuracyChart: RunChart = {
  title: 'Accuracy',
  scale: {},
  formatTick: (value) => `${Number((value * 100).toFixed(2))}%`,
  series: () => [
    line('Training batch', 'series-1', formatPercent, { width: 1 }),
    line('Test set', 'series-2', formatPercent, { points: dotsOnly }),
    line('Reference', 'reference', formatPercent, { dash: [6, 4], width: 1 }),
  ],
  tables({ series, smoothing, referenceAccuracy }, width) {
    const { iteration, accuracy } = series.iterations
    const { tests } = series
    return [
      thinned(iteration.view(), smooth(accuracy.view(), smoothing), width),
      thinned(tests.iteration.view(), tests.accuracy.view(), width),
      level(iteration.view(), referenceAccuracy),
    ]
  },
}

export const compressionChart: RunChart = {
  title: 'Compression',
  // logarithmic, from 1 to the next power of ten
  scale: {
    distr: 3,
    range: (_plot, _low, high) => [1, 10 ** Math.max(1, Math.ceil(Math.log10(high || 1)))],
  },
  formatTick: (value) => `${value}×`,
  series: () => [line('Compression', 'series-3', formatRatio, { width: 2 })],
  tables({ series }, width) {
    const { iteration, compression } = series.iterations
    return [thinned(iteration.view(), compression.view(), width)]
  },
}

export function joinTables(tables: uPlot.AlignedData[]): uPlot.AlignedData {
  return tables.length === 1 ? tables[0] : uPlot.join(tables)
}

const compact = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export function chartOptions(chart: RunChart, syncKey: string, width: number, height: number): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: themeColor('text-2'),
    grid: { stroke: themeColor('line'), width: 1 },
    ticks: { stroke: themeColor('line'), width: 1, size: 4 },
    font: '11px system-ui, sans-serif',
  }
  return {
    width,
    height,
    padding: [8, 26, 0, 0],
    cursor: { sync: { key: syncKey }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: chart.scale },
    axes: [
      { ...axis, size: 26, values: (_plot, ticks) => ticks.map((tick) => compact.format(tick)) },
      {
        ...axis,
        size: 58,
        values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : chart.formatTick(tick))),
      },
    ],
    legend: { show: false },
    series: [{ label: 'Iteration' }, ...chart.series()],
  }
}
