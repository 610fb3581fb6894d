// A compression killed with SIGKILL at random moments and resumed ends with the same weights and masks, bit for bit, as
// one left alone; and says so in files that can be read at every moment.
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { addonCandidates } from '../../main/engine/addon'
import { Mt19937 } from '../../main/olmp/mt19937'
import { findCheckpoint } from '../../main/runs/checkpoints'
import { openModel } from '../../main/runs/openModel'
import { readHistory } from '../../main/runs/HistoryReader'
import { RunFolder } from '../../main/runs/RunFolder'
import type { OlmpSettings } from '../../main/olmp/settings'
import { projectRoot } from '../helpers/shared'
import { engineOrSkip, makeTinyModel, tinyRequest, tinySettings } from '../unit/runs/tinyModel'

const addon = engineOrSkip()
const LEAST_KILLS = 6
const chance = new Mt19937([Number(process.env.OLMP_CRASH_SEED ?? 1)])

describe.skipIf(addon === null)('a run killed and resumed', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-crash-'))
  const model = join(root, 'model')
  const cache = join(root, 'cache')
  // Inside the project, where the bundle finds its packages.
  const bundle = join(projectRoot, '.cache', `crash-child-${process.pid}`)

  beforeAll(async () => {
    await makeTinyModel(addon, model, { dropout: true })
    await build({
      root: projectRoot,
      configFile: false,
      logLevel: 'error',
      build: {
        ssr: join(import.meta.dirname, 'compressChild.ts'),
        outDir: bundle,
        target: 'node20',
        minify: false,
        rollupOptions: { output: { entryFileNames: 'compressChild.mjs' } },
      },
    })
  })
  afterAll(() => {
    rmSync(root, { recursive: true, force: true })
    rmSync(bundle, { recursive: true, force: true })
  })

  const start = (folder: string): ChildProcess =>
    fork(join(bundle, 'compressChild.mjs'), [folder, cache], {
      execArgv: [],
      env: { ...process.env, OLMP_ADDON: addonCandidates()[0] },
    })

  /** Exit code, or the signal that ended it. */
  const ended = (child: ChildProcess): Promise<number | string | null> =>
    new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))

  /** Kills the process up to `withinMs` after its loop has begun; answers how it ended. */
  async function killSoon(folder: string, withinMs: number): Promise<number | string | null> {
    const child = start(folder)
    const end = ended(child)
    await Promise.race([new Promise((resolve) => child.once('message', resolve)), end])
    await new Promise((resolve) => setTimeout(resolve, chance.rand() * withinMs))
    child.kill('SIGKILL')
    return end
  }

  async function finalParameters(folder: string): Promise<Float32Array[]> {
    const { checkpoint } = await findCheckpoint(join(folder, 'checkpoints'))
    if (checkpoint === null) throw new Error('no checkpoint')
    const { session, close } = await openModel(
      { folder: model },
      {
        addon: addon as NonNullable<typeof addon>,
        cacheFolder: cache,
        threads: 1,
        seed: 1,
        device: 'cpu',
        rateEncoding: 'exact',
      },
    )
    await session.loadState(join(checkpoint.folder, 'engine.state'))
    const parts = ['value', 'mask', 'history'] as const
    const values = await Promise.all(
      session.parameters.flatMap((_, i) => parts.map((part) => session.getParameter(i, part))),
    )
    await close()
    return values
  }

  it.each(['ncs', 'as-published'] as const)(
    '%s',
    { timeout: 300_000 },
    async (mode: OlmpSettings['searchMode']) => {
      const settings = tinySettings(mode, {
        iterations: 1500,
        pruneStop: 600,
        pruneInterval: 150,
        evaluations: 200,
      })
      const request = tinyRequest(model, settings, { checkpointIntervalIterations: 70, keepCheckpoints: 2 })
      const whole = join(root, `${mode}-whole`)
      const killed = join(root, `${mode}-killed`)
      await RunFolder.create(whole, request)
      await RunFolder.create(killed, request)
      expect(await ended(start(whole))).toBe(0)

      let kills = 0
      let outcome: number | string | null = 'SIGKILL'
      // The time a life may last grows, so that each gets past its checkpoint at last.
      for (let life = 0; outcome !== 0; life++) {
        outcome = kills < LEAST_KILLS ? await killSoon(killed, 40 + 40 * life) : await ended(start(killed))
        if (outcome === 'SIGKILL') kills += 1
        else expect(outcome).toBe(0)
        const { passedOver } = await findCheckpoint(join(killed, 'checkpoints'))
        expect(passedOver).toEqual([])
      }
      expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS / 2)

      const expected = await finalParameters(whole)
      expect(expected.some((values) => values.includes(0))).toBe(true)
      expect(await finalParameters(killed)).toEqual(expected)
      const [a, b] = [await RunFolder.open(whole), await RunFolder.open(killed)]
      const [first, second] = [await a.readResult(), await b.readResult()]
      expect(second?.sparsity).toEqual(first?.sparsity)
      expect(second?.accuracy).toBe(first?.accuracy)
      const iterations = [...(readHistory(b.historyFile, (history) => history.iterations().iteration) ?? [])]
      expect(iterations).toEqual(Array.from({ length: 1501 }, (_, i) => i))
      expect(readdirSync(b.checkpointsFolder).length).toBe(2)
    },
  )
})
