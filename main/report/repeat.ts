// The command that repeats a run from a terminal.

import type { RunRequest } from '../runs/types'

/** For a POSIX shell; the settings are expected beside it as settings.json. */
export function repeatCommand(request: RunRequest): string {
  const { source, device, tf32, threads, checkpointIntervalIterations } = request
  const files: [string, string | undefined][] = [
    ['--net', source.net],
    ['--solver', source.solver],
    ['--weights', source.weights],
    ['--data-train', source.dataTrain],
    ['--data-test', source.dataTest],
  ]
  const chosen = files.flatMap(([flag, value]) => (value === undefined ? [] : [flag, quoted(value)]))
  return [
    'olmp compress',
    quoted(source.folder),
    ...chosen,
    '--settings settings.json',
    `--device ${device}${tf32 === true && device === 'cuda' ? ' --tf32' : ''} --threads ${threads}`,
    `--checkpoint-interval ${checkpointIntervalIterations}`,
  ].join(' ')
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`
}
