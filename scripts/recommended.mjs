// Reproduces the tables of the recommended preset in docs/results.md: fixed budgets and a goal of an accuracy, three seeds,
// with and without augmentation and a teacher.
//
//   node scripts/recommended.mjs NAME=FOLDER=RATIOS ... [--output FOLDER] [--seeds 101,102,103] [--jobs N]
//       [--accuracy-loss 0.001] [--variants augmented,plain] [--flags='--effort standard']
//
// for example LeNet-300-100=resources/samples/lenet-300-100=113,150,175,205,222,250. A run passes all its budgets, largest
// net first; --accuracy-loss adds one with that goal. A folder without weights, as those of scripts/nets, is copied into the
// output folder and trained there first, seed 1. Runs are kept and are not repeated where they are finished. One thread each.
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
    'accuracy-loss': { type: 'string' },
    jobs: { type: 'string', default: String(os.availableParallelism()) },
  },
})
const flagsOf = { augmented: [], plain: ['--no-augmentation'] }
const nets = positionals.map((text) => {
  const [name, folder, ratios] = text.split('=')
  return { name, folder, ratios: ratios.split(',').map(Number) }
})
const seeds = values.seeds.split(',')
const loss = values['accuracy-loss']
const goals = ['size', ...(loss === undefined ? [] : ['accuracy'])]
const jobs = nets.flatMap((net) =>
  values.variants
    .split(',')
    .flatMap((variant) => goals.flatMap((goal) => seeds.map((seed) => ({ net, variant, goal, seed })))),
)
fs.mkdirSync(values.output, { recursive: true })

const hasWeights = (folder) => fs.readdirSync(folder).some((name) => /\.caffemodel(\.h5)?$/.test(name))

async function trained({ name, folder }) {
  if (hasWeights(folder)) return folder
  const copy = path.join(values.output, name)
  fs.cpSync(folder, copy, { recursive: true })
  if (!hasWeights(copy)) {
    await olmp(`${copy}.train`, [
      'train',
      copy,
      '--seed',
      '1',
      '--out',
      path.join(copy, 'trained.caffemodel'),
    ])
  }
  return copy
}

async function compress({ net, variant, goal, seed }) {
  const runDir = path.join(
    values.output,
    `${net.name}-${variant}-${goal === 'size' ? '' : `${goal}-`}${seed}`,
  )
  if (fs.existsSync(path.join(runDir, 'result.json'))) return readRun(runDir)
  fs.rmSync(runDir, { recursive: true, force: true })
  const wanted = goal === 'size' ? ['--target', net.ratios.join(',')] : ['--accuracy-loss', loss]
  const flags = [...values.flags.split(' ').filter(Boolean), ...flagsOf[variant]]
  await olmp(runDir, [
    'compress',
    net.folder,
    ...wanted,
    '--seed',
    seed,
    '--run-dir',
    runDir,
    '--json',
    ...flags,
  ])
  return readRun(runDir)
}

/** Its output goes to NAME.log. */
function olmp(name, given) {
  const args = [...given, '--data-train', 'mnist', '--data-test', 'mnist', '--threads', '1']
  const log = fs.openSync(`${name}.log`, 'w')
  const child = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), ...args], {
    stdio: ['ignore', log, log],
  })
  return new Promise((resolve, reject) => {
    child.on('close', (status) => {
      fs.closeSync(log)
      if (status === 0) resolve()
      else reject(new Error(`olmp ${args.join(' ')} ended with ${status}: see ${name}.log`))
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

for (const net of nets) net.folder = await trained(net)
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
  const notes = []
  for (const variant of values.variants.split(',')) {
    const runsTo = (goal) =>
      jobs
        .filter((job) => job.net === net && job.variant === variant && job.goal === goal)
        .map(({ run }) => run)
    const runs = runsTo('size')
    const cpu = runs.map((run) => run.result.cpuSeconds?.toFixed(0) ?? '').join(', ')
    for (const ratio of net.ratios) {
      const budget = Math.floor(total / ratio)
      const reached = runs.map(({ front }) => front.find(({ kept }) => kept <= budget))
      const cells = reached.map(({ kept, testAccuracy }) => `${percent(testAccuracy)} (${kept})`)
      const seconds = reached.map((record) => record.seconds.toFixed(0)).join(', ')
      console.log(`| ${ratio}x | ${budget} | ${variant} | ${cells.join(' | ')} | ${seconds} | ${cpu} |`)
    }
    const judged = runsTo('accuracy').map(({ result }) => result)
    if (judged.length === 0) continue
    const cells = judged.map(
      ({ accuracy, compression, sparsity }) =>
        `${compression.toFixed(1)}x (${sparsity.kept}) at ${percent(accuracy)}`,
    )
    const seconds = judged.map((result) => result.seconds.total.toFixed(0)).join(', ')
    const cpus = judged.map(({ cpuSeconds }) => cpuSeconds?.toFixed(0) ?? '').join(', ')
    console.log(`| loss ${loss} | | ${variant} | ${cells.join(' | ')} | ${seconds} | ${cpus} |`)
    const references = judged.map(
      ({ validation: { images, against, referenceAccuracy } }) =>
        `${percent(referenceAccuracy)} on ${images} images (${against})`,
    )
    notes.push(`${variant}, loss ${loss}: against ${references.join(', ')}`)
  }
  if (notes.length > 0) console.log(`\n${notes.join('\n')}`)
}
