// One text file with what a bug report needs: versions, the machine, settings, the end of the log. No weights, no data;
// the user's home folder reads as ~.

import os from 'node:os'

import type { AboutFacts } from '../../preload/contract'
import type { SystemInfo } from '../engine/binding'
import type { AppSettings } from '../settings/types'

const logBytes = 200_000

export interface BugReportFacts {
  about: AboutFacts
  /** The reason, where the engine does not start. */
  system: SystemInfo | { error: string }
  settings: AppSettings
  /** One line per project: its runs and their states. */
  projects: string[]
  log: { tail(bytes: number): string }
}

export function bugReport({ about, system, settings, projects, log }: BugReportFacts): string {
  const machine = {
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    processor: os.cpus()[0]?.model ?? '',
    logicalCpus: os.cpus().length,
    memoryBytes: os.totalmem(),
    freeMemoryBytes: os.freemem(),
  }
  const sections: [string, string][] = [
    ['Versions', asJson(about)],
    ['Machine', asJson(machine)],
    ['Engine', asJson(system)],
    ['Settings', asJson(settings)],
    ['Projects', projects.join('\n')],
    ['Log of app and engine, its end', log.tail(logBytes)],
  ]
  const text = sections.map(([title, body]) => `== ${title} ==\n${body}\n`).join('\n')
  return withoutHome(`OLMP Studio report, ${new Date().toISOString()}\n\n${text}`)
}

function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function withoutHome(text: string): string {
  const home = os.homedir()
  return home.length > 1 ? text.replaceAll(home, '~') : text
}
