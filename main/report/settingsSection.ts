// The settings of a run as a table, and how to give them again.

import type { OlmpSettings } from '../olmp/settings'
import { isCycles } from '../olmp/runSettings'
import { integer } from './figures'
import { html, type Markup } from './markup'
import { repeatCommand } from './repeat'
import { table } from './table'
import type { ReportTexts } from './texts'
import type { ReportData } from './types'

const inIterations: (keyof OlmpSettings)[] = [
  'iterations',
  'pruneStop',
  'pruneInterval',
  'testInterval',
  'displayInterval',
]

/** Names are those of the settings file. */
export function settingsSection({ request }: ReportData, texts: ReportTexts): Markup {
  const words = texts.settings
  const { settings, device, tf32, threads } = request
  const unit = (name: string): string => {
    if (inIterations.some((known) => known === name)) return words.units.iterations
    return name === 'delta' ? words.units.share : ''
  }
  const rows = [
    ...(isCycles(settings)
      ? nested('', settings)
      : Object.entries(settings).map(([name, value]) => [name, shown(value as Setting, words), unit(name)])),
    ['device', device, ''],
    ...(tf32 === true && device === 'cuda' ? [['tf32', 'true', '']] : []),
    ['threads', String(threads), ''],
  ]
  return html`<section>
    <h2>${words.heading}</h2>
    ${table([words.setting, words.value, words.unit], rows)}
  </section>`
}

/** Settings within settings by their path. */
function nested(place: string, value: object): string[][] {
  return Object.entries(value).flatMap(([name, part]: [string, unknown]) => {
    const path = Array.isArray(value) ? `${place}[${name}]` : place === '' ? name : `${place}.${name}`
    return typeof part === 'object' && part !== null ? nested(path, part) : [[path, String(part), '']]
  })
}

type Setting = OlmpSettings[keyof OlmpSettings]

function shown(value: Setting, words: ReportTexts['settings']): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return `${value.lower} … ${value.upper}`
  return value
    .map((entry) =>
      'name' in entry
        ? `${entry.name}: ${entry.prune ? words.prune : words.keep}${entry.gamma === undefined ? '' : ` (gamma ${entry.gamma})`}`
        : `${entry.value} (${integer(entry.fromIteration)}…)`,
    )
    .join(', ')
}

export function repeatSection({ request }: ReportData, texts: ReportTexts): Markup {
  const words = texts.repeat
  return html`<section>
    <h2>${words.heading}</h2>
    <p class="muted">${words.text}</p>
    <pre data-command>${repeatCommand(request)}</pre>
    <details>
      <summary>${words.settingsFile}</summary>
      <pre data-settings>${JSON.stringify(request.settings, null, 2)}</pre>
    </details>
  </section>`
}
