// Reproduces the tables of the recommended preset in docs/results.md: fixed budgets, three seeds, with and without
// augmentation and a teacher.
//
//   node scripts/recommended.mjs NAME=FOLDER=RATIOS ... [--output FOLDER] [--seeds 101,102,103] [--jobs N]
//
// for example LeNet-300-100=resources/samples/lenet-300-100=113,150,175,205,222,250. A run passes all its budgets, largest
// net first. Runs are kept in the output folder and are not repeated where they are finished. One thread each.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from './setup/shell.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', default: path.join(projectRoot, '.cache/recommended') },
    seeds: { type: 'string', default: '101,102,103' },
    variants: { type: 'string', default: 'augmented,plain' },
    flags: { type: 'string', default: '--effort thorough' },
    jobs: { type: 'string', default: String(os.availableParallelism()) },
  },
})
const flagsOf = { augmented: [], plain: ['--no-augmentation'] }
const nets = positionals.map((text) => {
  const [name, folder, ratios] = text.split('=')
  return { name, folder, ratios: ratios.split(',').map(Number) }
})
const seeds = values.seeds.split(',')
const jobs = nets.flatMap((net) =>
  values.variants.split(',').flatMap((variant) => seeds.map((seed) => ({ net, variant, seed }))),
)
fs.mkdirSync(values.output, { recursive: true })

function compress({ net, variant, seed }) {
  const runDir = path.join(values.output, `${net.name}-${variant}-${seed}`)
  if (fs.existsSync(path.join(runDir, 'result.json'))) return readRun(runDir)
  fs.rmSync(runDir, { recursive: true, force: true })
  const args = ['compress', net.folder, '--data-train', 'mnist', '--data-test', 'mnist', '--threads', '1']
  args.push('--target', net.ratios.join(','), '--seed', seed, '--run-dir', runDir, '--json')
  args.push(...values.flags.split(' ').filter(Boolean), ...flagsOf[variant])
  const log = fs.openSync(`${runDir}.log`, 'w')
  const child = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), ...args], {
    stdio: ['ignore', log, log],
  })
  return new Promise((resolve, reject) => {
    child.on('close', (status) => {
      fs.closeSync(log)
      if (status === 0) resolve(readRun(runDir))
      else reject(new Error(`olmp ${args.join(' ')} ended with ${status}: see ${runDir}.log`))
    })
  })
}

function readRun(runDir) {
  const read = (name) => JSON.parse(fs.readFileSync(path.join(runDir, name), 'utf8'))
  const front = fs
    .readdirSync(path.join(runDir, 'front'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => read(path.join('front', name)).record)
    .sort((a, b) => b.kept - a.kept)
  return { result: read('result.json'), front }
}

async function worker(queue) {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) job.run = await compress(job)
}

const queue = [...jobs]
await Promise.all(Array.from({ length: Number(values.jobs) }, () => worker(queue)))

const percent = (share) => `${(100 * share).toFixed(2)}%`
for (const net of nets) {
  const { result } = jobs.find((job) => job.net === net).run
  const { total } = result.sparsity
  console.log(`\n### ${net.name} (reference ${percent(result.referenceAccuracy)})\n`)
  console.log(
    `| budget | kept at most | variant | ${seeds.map((seed) => `seed ${seed}`).join(' | ')} | seconds | CPU s of the run |`,
  )
  console.log(`|---|---|---|${seeds.map(() => '---|').join('')}---|---|`)
  for (const variant of values.variants.split(',')) {
    const runs = jobs.filter((job) => job.net === net && job.variant === variant).map(({ run }) => run)
    const cpu = runs.map((run) => run.result.cpuSeconds?.toFixed(0) ?? '').join(', ')
    for (const ratio of net.ratios) {
      const budget = Math.floor(total / ratio)
      const reached = runs.map(({ front }) => front.find(({ kept }) => kept <= budget))
      const cells = reached.map(({ kept, testAccuracy }) => `${percent(testAccuracy)} (${kept})`)
      const seconds = reached.map((record) => record.seconds.toFixed(0)).join(', ')
      console.log(`| ${ratio}x | ${budget} | ${variant} | ${cells.join(' | ')} | ${seconds} | ${cpu} |`)
    }
  }
}
