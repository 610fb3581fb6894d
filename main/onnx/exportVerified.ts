// Export and proof as one step: a file has its final name only after it was verified.

import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { EngineAddon, Session } from '../engine/binding'
import type { NetGraph } from '../net/graph'
import type { ExportOptions, WeightReader } from './exportOnnx'
import { writeOnnx } from './exportOnnx'
import { maskedWeights } from './sessionWeights'
import type { VerificationReport, VerifyOptions } from './verify'
import { verifyOnnx } from './verify'

export interface ExportVerifiedOptions extends ExportOptions {
  /** Final name of the .onnx file; an existing one is replaced only by a verified one. */
  file: string
  deployGraph: NetGraph
  testGraph: NetGraph
  addon: Pick<EngineAddon, 'readDatums' | 'describeDatums'>
  session: Pick<Session, 'parameters' | 'getParameter' | 'rewind' | 'forwardTest'>
  /** Default: the session's parameters, masked. */
  weights?: WeightReader
  scoreBlob?: string
  threads?: number
  onProgress?: VerifyOptions['onProgress']
  signal?: AbortSignal
}

/** @throws AppError 'not-exportable', 'verification-failed' and what the engine throws; then no file is left behind. */
export async function exportVerifiedOnnx(options: ExportVerifiedOptions): Promise<VerificationReport> {
  const { file, deployGraph, testGraph, addon, session, scoreBlob, threads, onProgress, signal } = options
  const temporary = `${file}.unverified`
  const included = (options.includePreprocessing ?? true) ? options.preprocessing : undefined
  try {
    await writeOnnx(deployGraph, options.weights ?? maskedWeights(session), temporary, options)
    const report = await verifyOnnx({
      file: temporary,
      addon,
      session,
      testGraph,
      deployGraph,
      included,
      scoreBlob,
      threads,
      onProgress,
      signal,
    })
    await rename(temporary, file)
    await syncFolder(dirname(file))
    return report
  } finally {
    await rm(temporary, { force: true })
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders, and needs no sync after a rename
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
