// A uPlot in an element: made when mounted, sized with it, redrawn at most once per frame, rebuilt when the theme
// changes, destroyed with its scope.

import uPlot from 'uplot'
import { onMounted, onScopeDispose, type ShallowRef } from 'vue'

export interface ChartSource {
  options(width: number, height: number): uPlot.Options
  data(width: number): uPlot.AlignedData
}

export function useChart(element: Readonly<ShallowRef<HTMLElement | null>>, source: ChartSource) {
  let plot: uPlot | null = null
  let frame = 0

  function build(): void {
    const host = element.value
    if (host === null) return
    plot?.destroy()
    const { clientWidth, clientHeight } = host
    plot = new uPlot(source.options(clientWidth, clientHeight), source.data(clientWidth), host)
  }

  function redraw(): void {
    if (frame !== 0) return
    frame = requestAnimationFrame(() => {
      frame = 0
      if (plot !== null) plot.setData(source.data(plot.width))
    })
  }

  const resized = new ResizeObserver(([entry]) => {
    const { width, height } = entry.contentRect
    if (width > 0 && height > 0) plot?.setSize({ width: Math.floor(width), height: Math.floor(height) })
  })
  const dark = window.matchMedia('(prefers-color-scheme: dark)')

  onMounted(() => {
    build()
    if (element.value !== null) resized.observe(element.value)
    dark.addEventListener('change', build)
  })
  onScopeDispose(() => {
    cancelAnimationFrame(frame)
    resized.disconnect()
    dark.removeEventListener('change', build)
    plot?.destroy()
    plot = null
  })

  return { redraw, rebuild: build }
}

/** A colour of the theme in force. */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
