import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, expect, it } from 'vitest'

import { OnnxRuntime } from '../../../main/onnx/runtime'

const cache = mkdtempSync(path.join(tmpdir(), 'olmp-ort-'))
afterAll(() => rmSync(cache, { recursive: true, force: true }))

it("onnxruntime's telemetry is off: it leaves no identifier behind", async () => {
  process.env.XDG_CACHE_HOME = cache
  // where it is silent by itself, nothing would be tested
  for (const name of Object.keys(process.env).filter((key) =>
    /^(CI|GITHUB_ACTIONS|GITLAB_CI|CIRCLECI|TF_BUILD)$/.test(key),
  ))
    delete process.env[name]
  // its environment begins with the first session asked for, whatever the model
  await expect(OnnxRuntime.load(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'onnxruntime-failed' })
  expect(readdirSync(cache)).toEqual([])
})
