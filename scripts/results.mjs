// Reproduces the tables of docs/results.md: both search modes, three seeds, on the two nets of the OLMP authors.
//
//   node scripts/results.mjs LENET_300_100_FOLDER LENET_5_FOLDER [OUTPUT_FOLDER]
//
// The folders are models/lenet300100 and models/lenet5 of the public repository IdiosyncraticDragon/OLMP. Runs are kept
// in OUTPUT_FOLDER and are not repeated where they are finished. One thread each, as many at a time as there are cores.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { projectRoot } from './setup/shell.mjs'

const [lenet300100, lenet5, output = path.join(projectRoot, '.cache/results')] = process.argv.slice(2)
if (lenet5 === undefined) {
  console.error('usage: node scripts/results.mjs LENET_300_100_FOLDER LENET_5_FOLDER [OUTPUT_FOLDER]')
  process.exit(1)
}
const nets = [
  { name: 'LeNet-5', folder: lenet5, seeds: [981118, 2, 7] },
  { name: 'LeNet-300-100', folder: lenet300100, seeds: [961449, 1, 2] },
]
const presets = ['olmp-as-published', 'olmp-ncs-corrected']
const jobs = nets.flatMap((net) =>
  presets.flatMap((preset) => net.seeds.map((seed) => ({ net, preset, seed }))),
)

function compress({ net, preset, seed }) {
  const runDir = path.join(output, `${net.name}-${preset}-${seed}`)
  const finished = path.join(runDir, 'result.json')
  if (fs.existsSync(finished)) return JSON.parse(fs.readFileSync(finished, 'utf8'))
  fs.rmSync(runDir, { recursive: true, force: true })
  const args = ['compress', net.folder, '--data-train', 'mnist', '--data-test', 'mnist', '--preset', preset]
  args.push('--seed', String(seed), '--threads', '1', '--run-dir', runDir, '--json')
  fs.mkdirSync(output, { recursive: true })
  const log = fs.openSync(`${runDir}.log`, 'w')
  const child = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), ...args], {
    stdio: ['ignore', 'pipe', log],
  })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  return new Promise((resolve, reject) => {
    child.on('close', (status) => {
      fs.closeSync(log)
      if (status === 0) resolve(JSON.parse(text))
      else reject(new Error(`olmp ${args.join(' ')} ended with ${status}: see ${runDir}.log`))
    })
  })
}

async function worker(queue) {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) job.result = await compress(job)
}

const queue = [...jobs]
await Promise.all(Array.from({ length: os.availableParallelism() }, () => worker(queue)))

const percent = (share) => `${(100 * share).toFixed(2)}%`
const seconds = (value) => value.toFixed(0)
for (const net of nets) {
  console.log(`\n### ${net.name}\n`)
  console.log('| preset | seed | compression | test accuracy | seconds | training | search | testing |')
  console.log('|---|---|---|---|---|---|---|---|')
  for (const { preset, seed, result } of jobs.filter((job) => job.net === net)) {
    const { total, train, search, test } = result.seconds
    const times = [total, train, search, test].map(seconds).join(' | ')
    console.log(
      `| \`${preset}\` | ${seed} | ${result.compression.toFixed(1)}x | ${percent(result.accuracy)} | ${times} |`,
    )
  }
  const [{ result }] = jobs.filter((job) => job.net === net)
  console.log(`\nReference: ${percent(result.referenceAccuracy)}.`)
}
