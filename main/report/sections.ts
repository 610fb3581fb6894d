// The parts of a report that are figures and tables.

import { standardError } from '../olmp/heldOut'
import type { ValidationResult } from '../runs/types'
import { bytes, date, duration, integer, percent, points, ratio, unknown } from './figures'
import { html, type Markup, nothing } from './markup'
import { facts, table } from './table'
import type { ReportTexts } from './texts'
import type { ReportData } from './types'

type SideBySide = NonNullable<NonNullable<ReportData['exported']>['sideBySide']>

export function figuresSection(data: ReportData, texts: ReportTexts): Markup {
  const words = texts.figures
  const { tests, model } = data
  const { result } = data.summary
  const last = tests.iteration.length - 1
  const reference = result?.referenceAccuracy ?? model?.referenceAccuracy ?? null
  const accuracy = result?.accuracy ?? (last < 0 ? null : tests.accuracy[last])
  const compression = result?.compression ?? (last < 0 ? null : tests.compression[last])
  const difference = accuracy === null || reference === null ? null : accuracy - reference
  const kept =
    result === null
      ? ''
      : words.compressionDetail(integer(result.sparsity.kept), integer(result.sparsity.total))
  return html`<section>
    <h2>${words.heading}</h2>
    ${result === null ? html`<p class="muted">${texts.unfinished}</p>` : nothing}
    <div class="figures">
      ${figure(words.compression, 'compression', ratio(compression), [
        kept,
        result === null ? '' : words.weightsOnly(ratio(result.sparsity.compressionWeightsOnly)),
      ])}
      ${figure(words.accuracy, 'accuracy', percent(accuracy), [
        difference === null ? '' : words.accuracyDetail(texts.points(points(difference))),
      ])}
      ${figure(words.reference, 'reference', percent(reference), [
        model === null ? '' : words.referenceDetail(integer(model.testImages)),
      ])}
      ${result?.validation === undefined ? nothing : validationFigure(result.validation, texts)}
      ${result === null ? nothing : timeFigure(result.seconds, texts)}
    </div>
  </section>`
}

/** What a goal of an accuracy was judged by, and how finely it can be. */
function validationFigure(
  { accuracy, referenceAccuracy, images, loss, against = 'given' }: ValidationResult,
  { figures }: ReportTexts,
): Markup {
  const inPoints = (share: number): string => (100 * share).toFixed(2)
  return figure(figures.validation, 'validation', percent(accuracy), [
    figures.validationDetail(integer(images), inPoints(standardError(accuracy, images))),
    figures.validationReference(percent(referenceAccuracy), figures.against[against]),
    loss === undefined ? '' : figures.validationLoss(inPoints(loss)),
  ])
}

function timeFigure(
  { total, train, search, test }: { total: number; train: number; search: number; test: number },
  { figures, durations }: ReportTexts,
): Markup {
  const shown = (seconds: number): string => duration(seconds, durations)
  const detail = figures.timeDetail(shown(train), shown(search), shown(test))
  return figure(figures.time, 'time', shown(total), [detail])
}

function figure(label: string, id: string, value: string, details: string[]): Markup {
  const lines = details.filter((line) => line !== '').map((line) => html`<small>${line}</small>`)
  return html`<div class="figure">
    <span class="muted">${label}</span><strong data-figure="${id}">${value}</strong>${lines}
  </div>`
}

export function modelSection({ model, request }: ReportData, texts: ReportTexts): Markup {
  const words = texts.model
  const path = (file: string | null): Markup => html`<span class="mono">${file ?? unknown}</span>`
  const rows: [string, string | Markup][] = [[words.folder, path(request.source.folder)]]
  if (model !== null) {
    rows.unshift([words.name, model.name])
    rows.push(
      [words.net, path(model.netFile)],
      [words.solver, path(model.solverFile)],
      [words.weights, path(model.weightsFile)],
      [words.parameters, integer(model.prunableParameters)],
      [words.layers, model.prunableLayers.join(', ')],
      [words.trainImages, integer(model.trainImages)],
      [words.testImages, integer(model.testImages)],
    )
  }
  return html`<section>
    <h2>${words.heading}</h2>
    ${facts(rows)} ${model === null ? html`<p class="muted">${words.unopened}</p>` : nothing}
  </section>`
}

export function layersSection({ summary: { result } }: ReportData, texts: ReportTexts): Markup {
  const words = texts.layers
  const heading = html`<h2>${words.heading}</h2>`
  if (result === null)
    return html`<section>
      ${heading}
      <p class="muted">${words.unfinished}</p>
    </section>`
  const { layers, kept, total } = result.sparsity
  const share = (part: number, whole: number): string[] => [
    percent(whole === 0 ? null : part / whole),
    part === 0 ? unknown : ratio(whole / part),
  ]
  const rows = layers.map(({ name, weights, keptWeights, biases, keptBiases }) => [
    name,
    integer(weights),
    integer(keptWeights),
    integer(biases),
    integer(keptBiases),
    ...share(keptWeights + keptBiases, weights + biases),
  ])
  const sum = (column: 'weights' | 'keptWeights' | 'biases' | 'keptBiases'): string =>
    integer(layers.reduce((count, layer) => count + layer[column], 0))
  rows.push([
    words.total,
    sum('weights'),
    sum('keptWeights'),
    sum('biases'),
    sum('keptBiases'),
    ...share(kept, total),
  ])
  const head = [
    words.layer,
    words.weights,
    words.kept,
    words.biases,
    words.kept,
    words.density,
    words.compression,
  ]
  return html`<section>${heading}${table(head, rows, 'layers')}</section>`
}

export function checkpointsSection({ checkpoints }: ReportData, texts: ReportTexts): Markup {
  const words = texts.checkpoints
  const heading = html`<h2>${words.heading}</h2>`
  if (checkpoints.length === 0)
    return html`<section>
      ${heading}
      <p class="muted">${words.none}</p>
    </section>`
  const head = [words.name, words.iteration, words.accuracy, words.compression, words.size, words.saved]
  const rows = checkpoints.map((checkpoint) => [
    checkpoint.name,
    integer(checkpoint.iteration),
    percent(checkpoint.accuracy),
    ratio(checkpoint.compression),
    bytes(checkpoint.bytes),
    date(checkpoint.savedAt),
  ])
  return html`<section>${heading}${table(head, rows)}</section>`
}

export function exportSection({ exported }: ReportData, texts: ReportTexts): Markup {
  const words = texts.exported
  const heading = html`<h2>${words.heading}</h2>`
  if (exported === null)
    return html`<section>
      ${heading}
      <p class="muted">${words.none}</p>
    </section>`
  const difference = words.differenceOf[exported.compared](exported.maxAbsDiff.toExponential(1))
  return html`<section>
    ${heading}
    <p class="good">✓ ${words.verified(integer(exported.images))}</p>
    ${facts([
      [words.file, html`<span class="mono">${exported.file}</span>`],
      [words.iteration, integer(exported.iteration)],
      [words.accuracyEngine, percent(exported.accuracyEngine)],
      [words.accuracyOnnx, percent(exported.accuracyOnnx)],
      [words.agreement, percent(exported.agreement)],
      [words.difference, `${difference} (${words.tolerance(exported.tolerance.toExponential(1))})`],
      [words.size, bytes(exported.bytes)],
      [words.gzip, bytes(exported.gzipBytes)],
      [words.before, bytes(exported.referenceBytes)],
    ])}
    ${exported.sideBySide === undefined ? nothing : sideBySideTable(exported.sideBySide, texts)}
  </section>`
}

function sideBySideTable(models: SideBySide, { sideBySide: words, exported }: ReportTexts): Markup {
  const head = [
    words.model,
    exported.size,
    exported.gzip,
    words.parameters,
    words.nonzero,
    words.flops,
    words.latency,
  ]
  const rows = (['original', 'masked', 'compact'] as const).map((name) => {
    const { bytes: size, gzipBytes, parameters, nonzero, flops, latency } = models[name]
    const counts = [parameters, nonzero, flops].map(integer)
    return [words[name], bytes(size), bytes(gzipBytes), ...counts, `${latency.medianMs.toPrecision(3)} ms`]
  })
  return html`<h3>${words.heading}</h3>
    ${table(head, rows, 'side-by-side')}`
}
