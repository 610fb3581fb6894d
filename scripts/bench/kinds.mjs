// The kinds of measurement against the peer. Each gives rows: a name, what is compared, times in microseconds.
import os from 'node:os'
import { runFrozen, runOurs, runPeer } from './programs.mjs'
import { alternate, compare, summarise } from './rounds.mjs'

const names = { lenet300: 'LeNet-300-100', lenet5: 'LeNet-5', caffenet: 'CaffeNet' }
const repetitions = { lenet300: 300, lenet5: 60, caffenet: 3 }
const threadCounts = () => [1, 2, 4, 8, 16, 32].filter((count) => count <= os.availableParallelism())

const labelled = (net, batch, threads, more = {}) => ({ net: names[net], batch, threads, ...more })

/** `parts`: ours and the peer's name of each measure. */
async function against({ peer, rounds }, ours, peerArgs, parts) {
  const sides = peer === null ? [ours] : [ours, () => runPeer(peer, peerArgs)]
  const [mine, theirs] = await alternate(rounds, sides)
  return parts.map(([part, peerPart = part]) => {
    const of = (results, name) => results.map((result) => result[name])
    const times =
      theirs === undefined
        ? { ours: summarise(of(mine, part)) }
        : compare(of(mine, part), of(theirs, peerPart))
    return { part: peerPart, ...times }
  })
}

const withLabel = (label, rows) => rows.map((row) => ({ ...label, ...row }))

async function step(context) {
  const rows = []
  for (const [net, batch] of [
    ['lenet300', 64],
    ['lenet5', 64],
    ['caffenet', 32],
  ]) {
    for (const threads of threadCounts().slice(0, 2)) {
      const args = [net, batch, threads, repetitions[net]]
      const parts = [['forward'], ['backward'], ['update'], ['whole step', 'step']]
      const times = await against(context, () => runOurs('train_step', args), ['step', ...args], parts)
      rows.push(...withLabel(labelled(net, batch, threads), times))
    }
  }
  return rows
}

async function frozen(context) {
  const rows = []
  for (const net of ['lenet300', 'lenet5']) {
    for (const threads of threadCounts().slice(0, 2)) {
      const args = [net, 64, threads, repetitions[net]]
      const share = net === 'lenet5' ? 0.0033 : 0.0088
      const peerArgs = ['frozen', ...args, share]
      rows.push(
        ...withLabel(
          labelled(net, 64, threads),
          await against(context, () => runFrozen(args), peerArgs, [['step']]),
        ),
      )
    }
  }
  return rows
}

async function search(context) {
  const rows = []
  for (const net of ['lenet300', 'lenet5']) {
    for (const threads of threadCounts().slice(0, 2)) {
      for (const share of [1, 0.3, 0.1, 0.02, 0.01]) {
        const reps = net === 'lenet5' ? 5 : 20
        const ours = () => runOurs('population', [net, share, 64, threads, reps])
        const parts = [
          ['evaluation', 'one by one'],
          ['evaluation', 'batched'],
        ]
        const times = await against(context, ours, ['search', net, 64, threads, reps, share], parts)
        const label = labelled(net, 64, threads, { kept: `${share * 100}%` })
        rows.push(...withLabel(label, context.peer === null ? times.slice(0, 1) : times))
      }
    }
  }
  return rows
}

const wholeStep = (context, args, peerArgs) =>
  against(context, () => runOurs('train_step', args), peerArgs, [['whole step', 'step']])

/** Beside the ratios: how the time of a step goes with the batch and the threads. */
async function scale(context) {
  const rows = []
  for (const net of ['lenet300', 'lenet5']) {
    for (const batch of [64, 256, 1024]) {
      for (const threads of threadCounts()) {
        const reps = Math.max(5, Math.round((repetitions[net] * 32) / batch))
        const args = [net, batch, threads, reps]
        const times = await wholeStep(context, args, ['step', ...args])
        rows.push(...withLabel(labelled(net, batch, threads), times))
      }
    }
  }
  return rows
}

/** How the time of a step goes with the size of the net. */
async function wide(context) {
  const rows = []
  for (const net of ['lenet300', 'lenet5']) {
    for (const width of [1, 2, 4]) {
      for (const threads of threadCounts().slice(0, 2)) {
        const args = [net, 64, threads, Math.max(5, Math.round(repetitions[net] / (2 * width * width)))]
        const times = await wholeStep(context, [...args, 'cpu', width], ['wide', ...args, width])
        rows.push(...withLabel(labelled(net, 64, threads, { width }), times))
      }
    }
  }
  return rows
}

export const kinds = { step, frozen, search, scale, wide }
