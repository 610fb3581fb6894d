// Results as the tables of docs/performance.md.
import os from 'node:os'

const titles = {
  step: 'A training step',
  frozen: 'A training step on frozen masks',
  search: 'Evaluating a population of masked nets, per candidate',
  scale: 'Batch and threads',
  wide: 'Nets as they grow',
}
/** Of what is measured, beside the net, its batch and the threads. */
const ownColumns = { search: ['kept'], wide: ['width'] }
const milliseconds = (micros) => (micros / 1000).toPrecision(3)
const times = (value) => `${value.toFixed(2)}x`
const share = (value) => `${Math.round(100 * value)}%`

export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** `rows` as in kinds.mjs. Times in ms: the median, the minimum behind it. */
export function comparison(kind, rows) {
  const own = ownColumns[kind] ?? []
  const head = ['net', 'batch', 'threads', ...own, 'part']
  head.push('ours, ms (min)', 'spread', 'PyTorch, ms (min)', 'spread', 'ratio', 'of minima', 'per second')
  const cell = ({ median, min }) => `${milliseconds(median)} (${milliseconds(min)})`
  const body = rows.map(({ net, batch, threads, part, ours, peer, ratio, ratioOfMinima, ...more }) => [
    net,
    batch,
    threads,
    ...own.map((name) => more[name]),
    part,
    cell(ours),
    share(ours.spread),
    ...(peer === undefined
      ? ['', '', '', '']
      : [cell(peer), share(peer.spread), times(ratio), times(ratioOfMinima)]),
    Math.round(1e6 / ours.median),
  ])
  return `### ${titles[kind]}\n\n\`npm run bench -- ${kind}\`\n\n${table(head, body)}\n`
}

export function runsTable(rows) {
  const head = ['run', 'iterations', 'start to verified ONNX, s', 'training', 'search', 'testing', 'other']
  head.push('export and verification', 'compression', 'accuracy', 'peak resident')
  const body = rows.map((row) => [
    row.sample,
    row.iterations,
    ...[row.all, row.train, row.search, row.test, row.other, row.exporting].map((value) => value.toFixed(1)),
    `${row.compression.toFixed(1)}x`,
    `${(100 * row.accuracy).toFixed(2)}%`,
    `${Math.round(row.peakResidentBytes / 1e6)} MB`,
  ])
  const against = rows
    .filter(({ candidates }) => candidates !== undefined)
    .map((row) => [
      row.sample,
      ...[row.train, row.peerSteps].map((value) => value.toFixed(1)),
      row.candidates,
      ...[row.search, row.peerOneByOne, row.peerBatched].map((value) => value.toFixed(1)),
      times(row.peerOneByOne / row.search),
      times(row.peerBatched / row.search),
    ])
  const peerHead = ['run', 'training, s', "PyTorch's dense steps, s", 'candidates', 'search, s']
  peerHead.push('PyTorch one by one, s', 'batched, s', 'ratio', 'to batched')
  const beside = against.length === 0 ? '' : `\n${table(peerHead, against)}\n`
  return `### Whole runs\n\n\`npm run bench -- run\`\n\n${table(head, body)}\n${beside}`
}

export function machine({ commit, peer, rounds }) {
  const [{ model }] = os.cpus()
  const threads = os.availableParallelism()
  const load = os.loadavg()[0].toFixed(1)
  const memory = Math.round(os.totalmem() / 1e9)
  const other = peer === null ? 'no PyTorch' : `PyTorch ${peer.version}`
  return `${model}, ${threads} cores, ${memory} GB; ${os.type()} ${os.release()}, Node ${process.version}, ${other}. Commit ${commit}, ${new Date().toISOString().slice(0, 10)}, load at the start ${load}, ${rounds} rounds.\n`
}
