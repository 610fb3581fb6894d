// `npm run bench`: how long the engine takes, beside PyTorch doing the same work in the same run. Prints tables for
// docs/performance.md and keeps the numbers in .cache/bench.
//
//   npm run bench                        everything
//   npm run bench -- step search         only these: step, frozen, search, scale, wide, run
//   npm run bench -- run --iterations 2000
//   npm run bench -- step --rounds 5     how often ours and theirs take turns
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { kinds } from './bench/kinds.mjs'
import { comparison, machine, runsTable } from './bench/markdown.mjs'
import { benchFolder, buildPrograms, findPeer } from './bench/programs.mjs'
import { wholeRuns } from './bench/wholeRuns.mjs'
import { main, setup } from './setup.mjs'
import { projectRoot, say, SetupError } from './setup/shell.mjs'

function options() {
  const known = [...Object.keys(kinds), 'run']
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '3' }, iterations: { type: 'string' } },
  })
  const unknown = positionals.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    throw new SetupError(`nothing to measure is called ${unknown.join(', ')} (there are ${known.join(', ')})`)
  }
  const count = (name) => {
    const value = Number(values[name])
    if (Number.isInteger(value) && value > 0) return value
    throw new SetupError(`--${name} takes a whole number of at least 1`)
  }
  return {
    selected: positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    rounds: count('rounds'),
    iterations: values.iterations === undefined ? undefined : count('iterations'),
  }
}

function commit() {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' })
  return git.status === 0 ? git.stdout.trim() : 'unknown'
}

await main(async () => {
  const { selected, rounds, iterations } = options()
  const against = selected.filter((kind) => kind !== 'run')
  if (selected.includes('run')) await setup({ window: false })
  if (against.length > 0) await buildPrograms()
  const peer = findPeer()
  if (peer === null) say('PyTorch is not here (Debian: apt install python3-torch): ours alone')
  const context = { peer, rounds }
  const results = { date: new Date().toISOString(), commit: commit(), rounds, peer, tables: {} }
  console.log(machine({ ...context, commit: results.commit }))
  for (const kind of against) {
    results.tables[kind] = await kinds[kind](context)
    console.log(comparison(kind, results.tables[kind]))
  }
  if (selected.includes('run')) {
    results.tables.run = wholeRuns(peer, iterations)
    console.log(runsTable(results.tables.run))
  }
  const file = path.join(benchFolder, `${results.date.replaceAll(':', '-')}.json`)
  fs.mkdirSync(benchFolder, { recursive: true })
  fs.writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  console.log(`Numbers: ${path.relative(projectRoot, file)}`)
})
