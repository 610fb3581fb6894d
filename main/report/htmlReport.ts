// A run on one HTML page that stands alone: no script, nothing loaded from elsewhere.

import { describeError } from '../net/errors'
import { date } from './figures'
import { html, Markup, nothing } from './markup'
import { chartsSection } from './reportCharts'
import { checkpointsSection, exportSection, figuresSection, layersSection, modelSection } from './sections'
import { repeatSection, settingsSection } from './settingsSection'
import { style } from './style'
import { type ReportLanguage, reportTexts } from './texts'
import type { ReportData } from './types'

export function htmlReport(data: ReportData, language: ReportLanguage = 'en'): string {
  const texts = reportTexts[language]
  const { summary, projectName, error } = data
  const name = summary.name === '' ? summary.id : summary.name
  const page = html`<!doctype html>
    <html lang="${texts.lang}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${name} · ${texts.title}</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${name}</h1>
          <p>
            ${projectName === null ? nothing : html`${texts.project} ${projectName} · `}${texts.run}
            <span class="mono">${summary.id}</span> · ${texts.states[summary.state]} · ${texts.settings.seed}
            ${summary.seed}
          </p>
          <p class="muted">${texts.written(date(data.generated), data.version)}</p>
        </header>
        ${
          error === null
            ? nothing
            : html`<section>
                <h2>${texts.error.heading}</h2>
                <p class="bad">${describeError(error)}</p>
              </section>`
        }
        <main>
          ${figuresSection(data, texts)}
          ${
            summary.notes === ''
              ? nothing
              : html`<section>
                  <h2>${texts.notes}</h2>
                  <p class="notes">${summary.notes}</p>
                </section>`
          }
          ${modelSection(data, texts)} ${chartsSection(data, texts)} ${layersSection(data, texts)}
          ${exportSection(data, texts)} ${checkpointsSection(data, texts)} ${settingsSection(data, texts)}
          ${repeatSection(data, texts)}
        </main>
      </body>
    </html>`
  return `${page.source}\n`
}
