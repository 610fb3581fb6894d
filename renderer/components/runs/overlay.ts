// Curves of several runs over the iterations, one quantity per chart; the charts share cursor and zoom.

import uPlot from 'uplot'

import { themeColor } from '../../charts/useChart'
import { formatInteger, formatLoss, formatPercent, formatPoints, formatRatio } from '../../format'
import type { ComparedRun } from '../../stores/compare'

export type Quantity = 'accuracy' | 'difference' | 'compression' | 'loss'

export interface Curve {
  label: string
  x: Float64Array
  y: Float64Array
}

/** Loss and accuracy on the test set, compression at every iteration. */
export function curveOf({ run, series, model }: ComparedRun, quantity: Quantity, label: string): Curve {
  const { iterations, tests } = series
  const reference = run.result?.referenceAccuracy ?? model?.referenceAccuracy ?? NaN
  switch (quantity) {
    case 'accuracy':
      return { label, x: tests.iteration, y: tests.accuracy }
    case 'difference':
      return { label, x: tests.iteration, y: tests.accuracy.map((accuracy) => accuracy - reference) }
    case 'loss':
      return { label, x: tests.iteration, y: tests.loss }
    case 'compression':
      return { label, x: iterations.iteration, y: iterations.compression }
  }
}

export const formats: Record<Quantity, (value: number) => string> = {
  accuracy: formatPercent,
  difference: formatPoints,
  compression: formatRatio,
  loss: formatLoss,
}

const tickFormats: Record<Quantity, (value: number) => string> = {
  accuracy: (value) => `${Number((value * 100).toFixed(2))}%`,
  difference: (value) => String(Number((value * 100).toFixed(2))),
  compression: (value) => `${value}×`,
  loss: (value) => String(Number(value.toPrecision(3))),
}

/** Eight colours, then the same again, dashed. */
export function lookOf(index: number): { color: string; dash: number[] | undefined } {
  return { color: `series-${(index % 8) + 1}`, dash: index < 8 ? undefined : [6, 3] }
}

export function tableOf(curves: Curve[]): uPlot.AlignedData {
  const tables = curves.map(({ x, y }): uPlot.AlignedData => [
    Array.from(x),
    Array.from(y, (value) => (Number.isFinite(value) ? value : null)),
  ])
  if (tables.length === 0) return [[]]
  return tables.length === 1 ? tables[0] : uPlot.join(tables)
}

export function overlayOptions(
  quantity: Quantity,
  curves: Curve[],
  syncKey: string,
  width: number,
  height: number,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: themeColor('text-2'),
    grid: { stroke: themeColor('line'), width: 1 },
    ticks: { stroke: themeColor('line'), width: 1, size: 4 },
    font: '11px system-ui, sans-serif',
  }
  const logarithmic: uPlot.Scale = {
    distr: 3,
    range: (_plot, _low, high) => [1, 10 ** Math.max(1, Math.ceil(Math.log10(high || 1)))],
  }
  return {
    width,
    height,
    padding: [8, 22, 0, 0],
    cursor: { sync: { key: syncKey }, drag: { x: true, y: false }, focus: { prox: 16 } },
    focus: { alpha: 0.35 },
    legend: { show: false },
    scales: { x: { time: false }, y: quantity === 'compression' ? logarithmic : {} },
    axes: [
      { ...axis, size: 26, values: (_plot, ticks) => ticks.map((tick) => formatInteger(tick)) },
      {
        ...axis,
        size: 56,
        values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : tickFormats[quantity](tick))),
      },
    ],
    series: [
      {},
      ...curves.map(({ label }, index) => {
        const { color, dash } = lookOf(index)
        return {
          label,
          stroke: themeColor(color),
          width: 1.75,
          dash,
          spanGaps: true,
          points: { show: quantity !== 'compression', size: 4 },
        }
      }),
    ],
  }
}
