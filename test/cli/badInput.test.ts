// What a person gets wrong, through the real command: a sentence that names file and place, exit status 1, the model
// folder untouched.

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { olmp, samplesFolder } from './olmp'

const NET = 'lenet_train_test.prototxt'
const WEIGHTS = 'lenet300100_iter_30000.caffemodel'

let root = ''
let cache = ''
let model = ''
const inModel = (name: string): string => path.join(model, name)
const mnist = ['--data-train', 'mnist', '--data-test', 'mnist', '--threads', '1']

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'olmp-bad-'))
  cache = path.join(root, 'cache')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))
beforeEach(() => {
  model = mkdtempSync(path.join(root, 'model-'))
  cpSync(path.join(samplesFolder, 'lenet-300-100'), model, { recursive: true })
})

function editNet(change: (text: string) => string): void {
  const text = readFileSync(inModel(NET), 'utf8')
  const changed = change(text)
  expect(changed).not.toBe(text)
  writeFileSync(inModel(NET), changed)
}

async function refusal(args: string[]): Promise<string> {
  const { status, stderr, stdout } = await olmp(args, { cache })
  expect({ status, stdout: stdout.trim() }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(/^error: /m)
  // A stack would mean a defect rather than a refusal.
  expect(stderr).not.toMatch(/\n {4}at /)
  return stderr
}

const test = (...more: string[]): string[] => ['test', model, ...mnist, ...more, '--json']
const compress = (...more: string[]): string[] => {
  const run = path.join(model, '..', `${path.basename(model)}-run`)
  return [
    'compress',
    model,
    ...mnist,
    '--preset',
    'olmp-ncs-corrected',
    '--iterations',
    '40',
    '--run-dir',
    run,
    ...more,
    '--json',
  ]
}

describe('refused, with file and place', () => {
  it('a folder that is not there', async () => {
    expect(await refusal(['inspect', path.join(root, 'nowhere')])).toContain(path.join(root, 'nowhere'))
  })

  it('a weights file that is not there', async () => {
    expect(await refusal(test('--weights', inModel('other.caffemodel')))).toContain('other.caffemodel')
  })

  it('a truncated caffemodel', async () => {
    truncateSync(inModel(WEIGHTS), 500_000)
    expect(await refusal(test('--weights', inModel(WEIGHTS)))).toMatch(
      new RegExp(`${WEIGHTS}.*(truncated|ends|end of)`),
    )
  })

  it('a caffemodel of noise', async () => {
    writeFileSync(inModel(WEIGHTS), Buffer.alloc(4096, 0x5a))
    expect(await refusal(test('--weights', inModel(WEIGHTS)))).toContain(WEIGHTS)
  })

  it('weights of another shape', async () => {
    editNet((text) => text.replace('num_output: 300', 'num_output: 301'))
    const message = await refusal(test('--weights', inModel(WEIGHTS)))
    expect(message).toMatch(/ip1/)
    expect(message).toMatch(/301/)
    expect(message).toMatch(/300/)
  })

  it('an unknown layer type, with its line', async () => {
    editNet((text) => text.replace('type: "ReLU"', 'type: "Relu6"'))
    const line = readFileSync(inModel(NET), 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('Relu6'))
    const message = await refusal(test('--net', inModel(NET)))
    const place = Number(new RegExp(`${NET}:(\\d+):\\d+: .*Relu6`).exec(message)?.[1])
    expect(Math.abs(place - (line + 1))).toBeLessThanOrEqual(3)
  })

  it('a misspelt field, with a proposal', async () => {
    editNet((text) => text.replace('num_output: 300', 'num_outputs: 300'))
    expect(await refusal(test('--net', inModel(NET)))).toMatch(
      new RegExp(`${NET}:\\d+:\\d+: unknown field 'num_outputs'.*num_output`),
    )
  })

  it('a bottom that nothing writes', async () => {
    editNet((text) => text.replace('bottom: "ip2"', 'bottom: "ip9"'))
    expect(await refusal(test('--net', inModel(NET)))).toMatch(new RegExp(`${NET}:\\d+:\\d+: .*ip9`))
  })

  it('a net in a circle', async () => {
    editNet((text) => text.replace('bottom: "data"', 'bottom: "ip3"'))
    expect(await refusal(test('--net', inModel(NET)))).toMatch(new RegExp(`${NET}:\\d+:\\d+: .*ip3`))
  })

  it('a folder that is no dataset', async () => {
    const folder = path.join(model, 'empty')
    mkdirSync(folder)
    expect(await refusal(['test', model, '--data-test', folder])).toContain(folder)
  })

  it('a data.mdb that is no LMDB', async () => {
    const folder = path.join(model, 'noise_lmdb')
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'data.mdb'), Buffer.alloc(65536, 7))
    expect(await refusal(['test', model, '--data-test', folder])).toMatch(/noise_lmdb.*LMDB/s)
  })

  it('a loss that stops being a number; the run can be looked at', async () => {
    const solver = inModel('lenet_solver.prototxt')
    writeFileSync(solver, readFileSync(solver, 'utf8').replace('base_lr: 0.01', 'base_lr: 1e9'))
    expect(await refusal(compress())).toMatch(/stopped being a finite number at iteration \d+ .*base_lr/)
  })

  it('a loss by which weights cannot be scored, before anything is trained', async () => {
    editNet((text) => text.replace('"SoftmaxWithLoss"', '"HingeLoss"'))
    const message = await refusal([
      'compress',
      model,
      ...mnist,
      '--run-dir',
      path.join(model, 'run'),
      '--json',
    ])
    expect(message).toContain(NET)
    expect(message).toMatch(/no SoftmaxWithLoss/)
    expect(message).toMatch(/olmp-ncs-corrected/)
    expect(message).not.toMatch(/Fine-tuning/)
  })

  it('a place where no run can be kept', async () => {
    const file = path.join(model, 'file')
    writeFileSync(file, '')
    expect(await refusal(compress('--run-dir', path.join(file, 'run')))).toContain(file)
  })

  it('an unknown preset and a setting out of range', async () => {
    expect(await refusal(compress('--preset', 'best'))).toContain('olmp-ncs-corrected')
    writeFileSync(inModel('settings.json'), '{"delta": 7}')
    expect(await refusal(compress('--settings', inModel('settings.json')))).toMatch(/delta is 7/)
  })

  it('a run that is none', async () => {
    expect(await refusal(['resume', model])).toContain(model)
    expect(await refusal(['export', model, '--onnx', path.join(root, 'x.onnx')])).toContain(model)
  })
})

it('works on a read-only folder', async () => {
  for (const name of [NET, WEIGHTS, 'lenet_solver.prototxt']) chmodSync(inModel(name), 0o444)
  chmodSync(model, 0o555)
  const { status, stderr } = await olmp(test(), { cache })
  chmodSync(model, 0o755)
  expect({ status, stderr }).toMatchObject({ status: 0 })
})
