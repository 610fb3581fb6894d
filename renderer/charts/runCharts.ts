// What the charts of a run show. They share the cursor and the zoom along the iterations.

import uPlot from 'uplot'

import { formatLoss, formatPercent, formatRatio } from '../format'
import type { RunSeries } from '../series/RunSeries'
import { Smoothed } from '../series/Smoothed'
import { type Points, thin, within } from '../series/thin'
import { themeColor } from './useChart'

export interface ChartInput {
  series: RunSeries
  /** Weight of the moving average, 0..1. */
  smoothing: number
  referenceAccuracy: number | null
  /** Accuracy a search may give up, 0..1. */
  /** What a search may lose; null where none looks at accuracies. */
  delta: number | null
  /** Names of the prunable layers, for a run that has not told them yet. */
  layers: string[]
  /** Iterations shown; null: all. */
  zoom: [number, number] | null
}

export type ChartName = 'loss' | 'accuracy' | 'compression' | 'density'

export interface RunChart {
  name: ChartName
  /** `text` gives a key's text in the window's language. */
  series(input: ChartInput, text: (key: string) => string): uPlot.Series[]
  bands?: (input: ChartInput) => uPlot.Band[]
  scale: uPlot.Scale
  format(value: number): string
  formatTick(value: number): string
  /** Buckets: about two points each. */
  tables(input: ChartInput, buckets: number): uPlot.AlignedData[]
}

const testDots = { show: true, size: 5 }
const seriesColors = 8

interface Line {
  label: string
  color: string
  format: (value: number) => string
}

function line({ label, color, format }: Line, more: Partial<uPlot.Series> = {}): uPlot.Series {
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

const finiteOrNull = (value: number) => (Number.isFinite(value) ? value : null)

function table(points: Points, { zoom }: ChartInput, buckets: number): uPlot.AlignedData {
  const part = zoom === null ? points : within(points, zoom[0], zoom[1])
  const thinned = thin(part.x, part.y, Math.max(100, Math.round(buckets)))
  return [Array.from(thinned.x), Array.from(thinned.y, finiteOrNull)]
}

export function wholeRange({ series }: ChartInput): [number, number] {
  const { iteration } = series.iterations
  const last = Math.max(iteration.last, series.tests.iteration.last, 1)
  return [0, Number.isFinite(last) ? last : 1]
}

function level(input: ChartInput, value: number | null): uPlot.AlignedData {
  if (value === null) return [[], []]
  return [input.zoom ?? wholeRange(input), [value, value]]
}

const smoothedLoss = new Smoothed()
const smoothedAccuracy = new Smoothed()

export const lossChart: RunChart = {
  name: 'loss',
  format: formatLoss,
  scale: {},
  formatTick: (value) => String(Number(value.toPrecision(3))),
  series: (_input, text) => [
    line({ label: text('raw'), color: 'series-faint', format: formatLoss }, { width: 1 }),
    line({ label: text('training'), color: 'series-1', format: formatLoss }),
    line({ label: text('testSet'), color: 'series-2', format: formatLoss }, { points: testDots }),
  ],
  tables(input, buckets) {
    const { iteration, loss } = input.series.iterations
    const { tests } = input.series
    const x = iteration.view()
    return [
      table({ x, y: loss.view() }, input, buckets),
      table({ x, y: smoothedLoss.of(loss, input.smoothing) }, input, buckets),
      table({ x: tests.iteration.view(), y: tests.loss.view() }, input, buckets),
    ]
  },
}

export const accuracyChart: RunChart = {
  name: 'accuracy',
  format: formatPercent,
  scale: {},
  formatTick: (value) => `${Number((value * 100).toFixed(2))}%`,
  series: ({ delta }, text) => [
    line({ label: text('raw'), color: 'series-faint', format: formatPercent }, { width: 1 }),
    line({ label: text('batch'), color: 'series-1', format: formatPercent }, { width: 1 }),
    line(
      { label: text('testSet'), color: 'series-2', format: formatPercent },
      { points: testDots, width: 2 },
    ),
    line({ label: text('reference'), color: 'reference', format: formatPercent }, { dash: [6, 4], width: 1 }),
    ...(delta === null
      ? []
      : [
          line(
            { label: text('allowed'), color: 'reference', format: formatPercent },
            { dash: [2, 4], width: 1 },
          ),
        ]),
  ],
  bands: ({ delta }) =>
    delta === null ? [] : [{ series: [4, 5], fill: `${themeColor('good')}26`, dir: -1 }],
  tables(input, buckets) {
    const { iteration, accuracy } = input.series.iterations
    const { tests } = input.series
    const { referenceAccuracy: reference, delta } = input
    const x = iteration.view()
    return [
      table({ x, y: accuracy.view() }, input, buckets),
      table({ x, y: smoothedAccuracy.of(accuracy, input.smoothing) }, input, buckets),
      table({ x: tests.iteration.view(), y: tests.accuracy.view() }, input, buckets),
      level(input, reference),
      ...(delta === null ? [] : [level(input, reference === null ? null : reference - delta)]),
    ]
  },
}

export const compressionChart: RunChart = {
  name: 'compression',
  format: formatRatio,
  // logarithmic, from 1 to the next power of ten
  scale: {
    distr: 3,
    range: (_plot, _low, high) => [1, 10 ** Math.max(1, Math.ceil(Math.log10(high || 1)))],
  },
  formatTick: (value) => `${value}×`,
  series: (_input, text) => [
    line({ label: text('compression'), color: 'series-3', format: formatRatio }, { width: 2 }),
  ],
  tables(input, buckets) {
    const { iteration, compression } = input.series.iterations
    return [table({ x: iteration.view(), y: compression.view() }, input, buckets)]
  },
}

export const densityChart: RunChart = {
  name: 'density',
  format: formatPercent,
  // logarithmic: what is left of a pruned layer is often a hundredth
  scale: {
    distr: 3,
    range: (_plot, low) => [10 ** Math.min(-1, Math.floor(Math.log10(low > 0 ? low : 1e-4))), 1],
  },
  formatTick: (value) => `${Number((value * 100).toPrecision(2))}%`,
  series: ({ series, layers }) =>
    series.densities.kept.map((_, layer) =>
      line(
        {
          label: series.densities.layers[layer] ?? layers[layer] ?? `#${layer + 1}`,
          color: `series-${(layer % seriesColors) + 1}`,
          format: formatPercent,
        },
        // beyond the set of colours the dash tells them apart
        { paths: stepped, dash: layer < seriesColors ? undefined : [6, 3] },
      ),
    ),
  tables(input, buckets) {
    const { iteration, kept } = input.series.densities
    const end = wholeRange(input)[1]
    return kept.map((column) => {
      const x = iteration.view()
      if (x.length === 0) return [[], []]
      // masks stay as they are after the last record; a layer pruned whole has no place on a logarithmic axis
      const [from, values] = table({ x, y: column.view() }, input, buckets)
      const shown = Array.from(values, (value) => (value === 0 ? null : value))
      return end > x[x.length - 1]
        ? [
            [...from, end],
            [...shown, shown[shown.length - 1]],
          ]
        : [from, shown]
    })
  },
}

const stepped = uPlot.paths.stepped?.({ align: 1 })

export function joinTables(tables: uPlot.AlignedData[]): uPlot.AlignedData {
  if (tables.length === 0) return [[]]
  return tables.length === 1 ? tables[0] : uPlot.join(tables)
}

const compact = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Room beside the plot, which marks along the iterations keep to as well. */
export const plotPadding = { left: 58, right: 26 }

export interface ChartPlace {
  syncKey: string
  width: number
  height: number
  /** Iterations shown. */
  range(): [number, number]
  onZoom(range: [number, number] | null): void
}

export function chartOptions(
  chart: RunChart,
  input: ChartInput,
  text: (key: string) => string,
  { syncKey, width, height, range, onZoom }: ChartPlace,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: themeColor('text-2'),
    grid: { stroke: themeColor('line'), width: 1 },
    ticks: { stroke: themeColor('line'), width: 1, size: 4 },
    font: '11px system-ui, sans-serif',
  }
  return {
    width,
    height,
    padding: [8, plotPadding.right, 0, 0],
    cursor: {
      sync: { key: syncKey, scales: ['x', null] },
      // the range is set for all charts at once, which then draw what lies in it
      drag: { x: true, y: false, setScale: false },
      bind: {
        dblclick: () => () => {
          onZoom(null)
          return null
        },
      },
    },
    scales: { x: { time: false, range }, y: chart.scale },
    axes: [
      { ...axis, size: 26, values: (_plot, ticks) => ticks.map((tick) => compact.format(tick)) },
      {
        ...axis,
        size: plotPadding.left,
        values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : chart.formatTick(tick))),
      },
    ],
    legend: { show: false },
    bands: chart.bands?.(input),
    series: [{ label: text('iteration') }, ...chart.series(input, text)],
  }
}

/** The iterations selected by dragging; null for a mere click. */
export function selectedRange(plot: uPlot): [number, number] | null {
  const { left, width } = plot.select
  if (width < 4) return null
  const from = Math.max(0, Math.floor(plot.posToVal(left, 'x')))
  return [from, Math.max(from + 2, Math.ceil(plot.posToVal(left + width, 'x')))]
}
