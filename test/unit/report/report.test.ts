// The report of a real run: its page stands alone and says what the run's result says.
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { Window } from 'happy-dom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { readRunHistory, summarise } from '../../../main/projects/runReading'
import { metricsCsv } from '../../../main/report/csv'
import { bytes, duration, integer, percent, ratio } from '../../../main/report/figures'
import { htmlReport } from '../../../main/report/htmlReport'
import { reportTexts } from '../../../main/report/texts'
import type { ReportData } from '../../../main/report/types'
import { annotate } from '../../../main/runs/annotation'
import { exportsFolder, writeModel } from '../../../main/runs/exportList'
import { exportModel } from '../../../main/runs/exportRun'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import type { RunResult } from '../../../main/runs/types'
import { engineOrSkip, makeTinyModel, tinyRequest, tinySettings } from '../runs/tinyModel'

const addon = engineOrSkip()

describe.skipIf(addon === null)('the report of a run', () => {
  if (addon === null) return
  const root = mkdtempSync(path.join(tmpdir(), 'olmp-report-'))
  let result: RunResult
  let data: ReportData
  let page: ReturnType<typeof parse>

  const { DOMParser } = new Window()
  const parse = (source: string) => new DOMParser().parseFromString(source, 'text/html')
  const textOf = (selector: string): string => page.querySelector(selector)?.textContent?.trim() ?? ''

  beforeAll(async () => {
    const model = path.join(root, "model 'a'")
    await makeTinyModel(addon, model)
    const folder = await RunFolder.create(path.join(root, 'run-1'), tinyRequest(model, tinySettings('ncs')))
    const deps = { addon, cacheFolder: path.join(root, 'cache') }
    const outcome = await runCompression(folder, deps, () => undefined)
    if (outcome === null) throw new Error('the run did not finish')
    result = outcome
    await annotate(folder.path, { name: '<img src=x onerror=alert(1)>', notes: 'a & b "c"' })
    const run = await RunFolder.open(folder.path)
    const summary = await summarise({ id: 'p', name: '<b>Project</b>' }, run)
    const history = await readRunHistory(summary, run)
    data = {
      ...history,
      projectName: summary.projectName,
      version: '1.2.3',
      generated: '2026-01-02T03:04:05Z',
    }
    page = parse(htmlReport(data))
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('gives the figures of the result', () => {
    expect(textOf('[data-figure=compression]')).toBe(ratio(result.compression))
    expect(textOf('[data-figure=accuracy]')).toBe(percent(result.accuracy))
    expect(textOf('[data-figure=reference]')).toBe(percent(result.referenceAccuracy))
  })

  it('tells what a goal of an accuracy was judged by, and how finely', () => {
    expect(textOf('[data-figure=validation]')).toBe('')
    const validation = { accuracy: 0.99, referenceAccuracy: 0.9905, images: 10_000, loss: 0.001 } as const
    const judged = (against: 'given' | 'fine-tuned') =>
      htmlReport({
        ...data,
        summary: { ...data.summary, result: { ...result, validation: { ...validation, against } } },
      })
    const text = parse(judged('fine-tuned')).querySelector('.figures')?.textContent?.replace(/\s+/g, ' ')
    expect(text).toContain('on 10,000 training images never trained on; standard error 0.10 points')
    expect(text).toContain('reference 99.05%, of the given net fine-tuned without them')
    expect(text).toContain('chosen as the smallest at most 0.10 points below it')
    expect(judged('given')).toContain('of the given net, which may have seen them')
  })

  it('counts every layer', () => {
    const rows = [...page.querySelectorAll('table.layers tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent?.trim()),
    )
    expect(rows.slice(0, -1).map((row) => row.slice(0, 3))).toEqual(
      result.sparsity.layers.map(({ name, weights, keptWeights }) => [
        name,
        integer(weights),
        integer(keptWeights),
      ]),
    )
    expect(rows.at(-1)?.at(-1)).toBe(ratio(result.compression))
  })

  it('draws loss, accuracy, compression and density, with numbers only', () => {
    const charts = [...page.querySelectorAll('svg')]
    expect(charts.map((chart) => chart.getAttribute('aria-label'))).toEqual([
      'Loss',
      'Accuracy',
      'Compression',
      'Density by layer',
    ])
    for (const chart of charts) {
      expect(chart.querySelectorAll('path.line').length).toBeGreaterThan(0)
      for (const line of chart.querySelectorAll('path')) {
        expect(line.getAttribute('d')).toMatch(/^M[\d.]+ [\d.]+([LH][\d. ]+)*$/)
      }
    }
  })

  it('needs nothing but itself', () => {
    const source = htmlReport(data)
    expect(page.querySelectorAll('script, link, img, iframe, object, embed, [src], [href]').length).toBe(0)
    expect(source).not.toMatch(/https?:|url\(|@import/)
  })

  it('shows names as text', () => {
    expect(textOf('h1')).toBe('<img src=x onerror=alert(1)>')
    expect(textOf('header p')).toContain('<b>Project</b>')
    expect(textOf('.notes')).toBe('a & b "c"')
  })

  it('gives the command and the settings that repeat the run', () => {
    expect(textOf('[data-command]')).toContain(`olmp compress '${root}/model '\\''a'\\'''`)
    expect(JSON.parse(textOf('[data-settings]'))).toEqual(data.request.settings)
  })

  it('lists the checkpoints, and says that nothing was exported', () => {
    const [newest] = data.checkpoints
    expect(page.body.textContent).toContain(newest.name)
    expect(page.body.textContent).toContain(bytes(newest.bytes))
    expect(page.body.textContent).toContain('The run has not been exported as ONNX.')
  })

  it('gives what the verification of an export found', { timeout: 120_000 }, async () => {
    const run = await RunFolder.open(path.join(root, 'run-1'))
    const folder = path.join(exportsFolder(run.path), 'onnx-1')
    mkdirSync(folder, { recursive: true })
    const file = path.join(folder, 'tiny.onnx')
    const deps = { addon, cacheFolder: path.join(root, 'cache') }
    const { caffemodel, ...found } = await exportModel(
      { kind: 'checkpoint', runFolder: run.path },
      'onnx',
      file,
      deps,
    )
    if (found.verification.kind !== 'onnxruntime') throw new Error('not run in onnxruntime')
    const now = new Date().toISOString()
    await writeModel(folder, {
      ...{ formatVersion: 1, id: 'onnx-1', format: 'onnx', file, ownFile: true, latency: null },
      ...{ ...found, referenceBytes: caffemodel.bytes, created: now, verifiedAt: now },
    })
    const { exported } = await readRunHistory(data.summary, run)
    const verified = parse(htmlReport({ ...data, exported }))
    const section = [...verified.querySelectorAll('section')].find(
      (candidate) => candidate.querySelector('h2')?.textContent === 'Verification of the export',
    )
    const rows = [...(section?.querySelectorAll('tr') ?? [])].map((row) =>
      [...row.children].map((cell) => cell.textContent?.trim()),
    )
    const figures = {
      ...{ bytes: 4000, gzipBytes: 900, parameters: 1450, nonzero: 120, flops: 2832 },
      latency: { medianMs: 0.0125, lowMs: 0.01, highMs: 0.02, repetitions: 500 },
    }
    const sideBySide = { original: figures, masked: figures, compact: { ...figures, parameters: 300 } }
    const compared = exported === null ? null : { ...exported, sideBySide }
    const shown = parse(htmlReport({ ...data, exported: compared })).querySelectorAll(
      '.side-by-side tbody tr',
    )
    expect([...shown].map((row) => [...row.children].map((cell) => cell.textContent?.trim()))).toEqual([
      ['Original', '4.0 kB', '900 B', '1,450', '120', '2,832', '0.0125 ms'],
      ['Masked', '4.0 kB', '900 B', '1,450', '120', '2,832', '0.0125 ms'],
      ['Compact', '4.0 kB', '900 B', '300', '120', '2,832', '0.0125 ms'],
    ])
    const { images, accuracyEngine, accuracyOnnx, agreement, maxAbsDiff, tolerance } = found.verification
    expect(images).toBe(10_000)
    expect(accuracyOnnx).toBe(result.accuracy)
    expect(section?.querySelector('.good')?.textContent).toContain('whole test set (10,000 images)')
    expect(rows).toEqual([
      ['File', file],
      ['Checkpoint at iteration', integer(found.checkpoint?.iteration ?? Number.NaN)],
      ['Accuracy, engine', percent(accuracyEngine)],
      ['Accuracy, onnxruntime', percent(accuracyOnnx)],
      ['Same class', percent(agreement)],
      [
        'Largest difference',
        `${maxAbsDiff.toExponential(1)} in a probability (allowed ${tolerance.toExponential(1)})`,
      ],
      ['File size', bytes(statSync(file).size)],
      ['File size, gzipped', bytes(found.gzipBytes)],
      ['Caffemodel before', bytes(statSync(path.join(root, "model 'a'", 'tiny.caffemodel')).size)],
    ])
  })

  it('tells times in the units of its language', () => {
    const [english, chinese] = [reportTexts.en.durations, reportTexts['zh-CN'].durations]
    expect([12, 192, 7320].map((seconds) => duration(seconds, english))).toEqual([
      '12 s',
      '3 min 12 s',
      '2 h 2 min',
    ])
    expect([12, 192, 7320].map((seconds) => duration(seconds, chinese))).toEqual([
      '12 秒',
      '3 分 12 秒',
      '2 小时 2 分',
    ])
    const time = parse(htmlReport(data, 'zh-CN')).querySelector('[data-figure=time]')
    expect(time?.textContent).toBe(duration(result.seconds.total, chinese))
  })

  it('is written in Chinese too', () => {
    const chinese = parse(htmlReport(data, 'zh-CN'))
    expect(chinese.documentElement.lang).toBe('zh-CN')
    expect(chinese.body.textContent).toContain('压缩率')
    expect(chinese.querySelector('[data-figure=compression]')?.textContent).toBe(ratio(result.compression))
  })

  it('gives a row per iteration as CSV, with the values of the records', () => {
    const run = { ...data, project: 'a, b', run: 'run-1', name: 'say "x"', seed: 7 }
    const lines = [...metricsCsv([run])].map((line) => line.trimEnd())
    const layers = data.densities.layers.map((layer) => `kept_${layer}`)
    const head = lines[0].split(',')
    expect(head.slice(-layers.length)).toEqual(layers)
    expect(lines[1]).toMatch(/^"a, b",run-1,"say ""x""",7,0,/)
    // the quoted cells aside, no value holds a comma
    const values = (line: string) => line.split(',').slice(5)
    const iterations = lines.slice(1).map((line) => Number(values(line)[0]))
    const { iteration, loss } = data.iterations
    expect([...iteration].every((known) => iterations.includes(known))).toBe(true)
    expect(iterations).toEqual([...new Set(iterations)].sort((a, b) => a - b))
    const rowAt = (at: number) => values(lines[1 + iterations.indexOf(at)])
    const lastStep = iteration[iteration.length - 1]
    expect(Number(rowAt(lastStep)[head.indexOf('loss') - 4])).toBe(loss[loss.length - 1])
    const lastTest = data.tests.iteration[data.tests.iteration.length - 1]
    expect(Number(rowAt(lastTest)[head.indexOf('test_accuracy') - 4])).toBe(result.accuracy)
  })
})
