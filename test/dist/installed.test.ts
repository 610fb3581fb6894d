// The package as its user meets it: installed by apt, used by somebody who is not root, removed.

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'

import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  aptInstall,
  aptPurge,
  mustRun,
  obstacle,
  projectRoot,
  run,
  systemFiles,
  temporaryUser,
  type TemporaryUser,
  unowned,
} from './machine'

const packageName = 'olmp-studio'
const appFolder = '/opt/OLMP Studio'
const releaseFolder = path.join(projectRoot, 'release')
const sampleFolder = '.config/OLMP Studio/samples/lenet-300-100'
const SAMPLE_ACCURACY = 0.982
/** A fuse is a character in the executable (electron/fuses, version 1). */
const enabledFuse = '1'.charCodeAt(0)

interface AppProcess {
  type: string
  uid: number
  seccomp: number
  processNamespace: string
  unsandboxed: boolean
}

interface Journey {
  error?: string
  output: string
  rail: { width: number; height: number }
  info: { version: string }
  samples: string[]
  obstacle: string | null
  run: { state: string; result: { compression: number; referenceAccuracy: number } | null }
  exported: {
    exists: boolean
    verification: {
      kind: string
      images: number
      accuracyEngine: number
      accuracyOnnx: number
      agreement: number
    }
  }
  processes: AppProcess[]
  exit: { code: number | null; signal: string | null } | 'still running'
  network: { noRoute: number; noRouteIpv6: number; datagrams: number }
}

const reason = obstacle(packageName)
if (reason !== undefined) console.log(`SKIPPED: ${reason}`)

describe.skipIf(reason !== undefined)('the installed package', () => {
  let user: TemporaryUser
  let before: Set<string>
  let journey: Journey
  let version: string

  const olmp = (...args: string[]) => user.run('olmp', args)
  const readOwner = (file: string) => mustRun('stat', ['-c', '%U:%G %a', file])

  beforeAll(async () => {
    await mustRun(process.execPath, ['scripts/dist.mjs', 'deb'])
    user = temporaryUser('olmp-package-test')
    before = systemFiles()
  })

  afterAll(async () => {
    if ((await run('dpkg-query', ['-W', packageName])).status === 0) await aptPurge(packageName)
    user?.remove()
  })

  it('is installed by apt', async () => {
    const [deb] = readdirSync(releaseFolder).filter((name) => name.endsWith('.deb'))
    await aptInstall(path.join(releaseFolder, deb))
    const info = JSON.parse(readFileSync(path.join(appFolder, 'resources/buildInfo.json'), 'utf8')) as {
      version: string
    }
    version = info.version
    for (const command of ['olmp', 'olmp-studio']) expect(existsSync(`/usr/bin/${command}`)).toBe(true)
    expect(await readOwner(path.join(appFolder, 'olmp-studio'))).toBe('root:root 755\n')
  })

  it('says what it is', () => {
    const info: unknown = JSON.parse(readFileSync(path.join(appFolder, 'resources/buildInfo.json'), 'utf8'))
    const pinned = (
      JSON.parse(readFileSync(path.join(projectRoot, 'node_modules/electron/package.json'), 'utf8')) as {
        version: string
      }
    ).version
    const electron = readFileSync(path.join(projectRoot, 'node_modules/electron/dist/version'), 'utf8').trim()
    const testBuild = electron.replace(/^v/, '') !== pinned
    expect(info).toMatchObject({ testBuild, electron: electron.replace(/^v/, '') })
    if (testBuild) expect(version).toMatch(/-test\./)
    const entry = readFileSync('/usr/share/applications/olmp-studio.desktop', 'utf8')
    expect(entry).toContain(testBuild ? 'Name=OLMP Studio (test build)' : 'Name=OLMP Studio')
  })

  it('has its fuses blown', async () => {
    const fuses = await getCurrentFuseWire(path.join(appFolder, 'olmp-studio'))
    const states = Object.fromEntries(
      [
        FuseV1Options.RunAsNode,
        FuseV1Options.EnableNodeOptionsEnvironmentVariable,
        FuseV1Options.EnableNodeCliInspectArguments,
        FuseV1Options.OnlyLoadAppFromAsar,
        FuseV1Options.EnableEmbeddedAsarIntegrityValidation,
        FuseV1Options.EnableCookieEncryption,
        FuseV1Options.GrantFileProtocolExtraPrivileges,
      ].map((fuse) => [FuseV1Options[fuse], fuses[fuse] === enabledFuse]),
    )
    expect(states).toEqual({
      RunAsNode: false,
      EnableNodeOptionsEnvironmentVariable: false,
      EnableNodeCliInspectArguments: false,
      OnlyLoadAppFromAsar: true,
      EnableEmbeddedAsarIntegrityValidation: true,
      EnableCookieEncryption: true,
      GrantFileProtocolExtraPrivileges: false,
    })
  })

  it('is no Node for whoever asks', async () => {
    const code = 'process.stdout.write("node" + 1)'
    const environment = { ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '--title=x' }
    const outcome = await user.run('olmp-studio', ['-e', code], environment)
    expect(outcome.stdout).not.toContain('node1')
    expect(outcome.status).not.toBe(0)
  })

  it('has its libraries with it', async () => {
    const native = path.join(appFolder, 'resources/native')
    const files = readdirSync(native)
    expect(files).toContain('olmp.node')
    const listing = await mustRun('ldd', [path.join(native, 'olmp.node')])
    expect(listing).not.toContain('not found')
    const bundled = files.filter((name) => name !== 'olmp.node').sort()
    const fromPackage = [...listing.matchAll(/=> (\S.*) \(0x/g)]
      .map(([, place]) => place)
      .filter((place) => place.startsWith(appFolder))
      .map((place) => path.basename(place))
    expect(fromPackage.sort()).toEqual(bundled)
    expect(bundled).toEqual(expect.arrayContaining(['libdnnl.so.2', 'libgomp.so.1', 'liblmdb.so.0']))
  })

  it('carries the binaries of one platform and the notices of all', () => {
    const unpacked = path.join(appFolder, 'resources/app.asar.unpacked/node_modules')
    const names = readdirSync(unpacked, { recursive: true, encoding: 'utf8' })
    const binaries = names.filter((name) => /\.(node|so(\.\d+)*|dll|dylib)$/.test(name))
    expect(binaries.length).toBeGreaterThanOrEqual(4)
    expect(binaries.filter((name) => /darwin|win32|arm|musl|android/.test(name))).toEqual([])
    const notices = readFileSync(path.join(appFolder, 'resources/notices/THIRD_PARTY_NOTICES.txt'), 'utf8')
    for (const work of ['vue ', 'onnxruntime-node', 'libdnnl', 'MNIST', 'SQLite', 'Apache'])
      expect(notices).toContain(work)
    for (const file of ['LICENSE.electron.txt', 'LICENSES.chromium.html'])
      expect(statSync(path.join(appFolder, file)).size).toBeGreaterThan(1000)
  })

  it('is used from its window by one who is not root, sandboxed, without a network', async () => {
    const screenshot = path.join(projectRoot, 'test-results', 'package-window.png')
    rmSync(screenshot, { force: true })
    const request = { user: user.name, home: user.home, sampleFolder, screenshot }
    const driver = path.join(projectRoot, 'test/dist/driveInstalled.mjs')
    const up = 'ip link set lo up && exec "$@"'
    const args = ['--net', 'sh', '-c', up, 'sh', process.execPath, driver, JSON.stringify(request)]
    const stdout = await mustRun('unshare', args)
    journey = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Journey
    if (journey.error !== undefined) throw new Error(`${journey.error}\n${journey.output}`)
    expect(journey.rail.width).toBeGreaterThan(20)
    expect(journey.rail.height).toBeGreaterThan(200)
    expect(journey.info.version).toBe(version)
    expect(journey.samples).toContain('LeNet-300-100 on MNIST')
    expect(journey.obstacle).toBeNull()
    expect(journey.exit).toEqual({ code: 0, signal: null })
  })

  it('compressed, exported and verified there', () => {
    expect(journey.run.state).toBe('finished')
    expect(journey.run.result?.referenceAccuracy).toBeCloseTo(SAMPLE_ACCURACY, 4)
    expect(journey.run.result?.compression).toBeGreaterThan(1.5)
    const { exists, verification } = journey.exported
    expect(exists).toBe(true)
    expect(verification).toMatchObject({ kind: 'onnxruntime', images: 10_000 })
    expect(verification.accuracyOnnx).toBeCloseTo(verification.accuracyEngine, 3)
    expect(verification.agreement).toBeGreaterThan(0.999)
  })

  it("ran in Chromium's sandbox", () => {
    const { processes } = journey
    const main = processes.filter(({ type }) => type === 'main')
    const renderers = processes.filter(({ type }) => type === 'renderer')
    expect(main).toHaveLength(1)
    expect(renderers.length).toBeGreaterThan(0)
    expect(processes.filter(({ uid }) => uid === 0)).toEqual([])
    expect(processes.filter(({ unsandboxed }) => unsandboxed)).toEqual([])
    for (const renderer of renderers) {
      expect(renderer.seccomp).toBe(2)
      expect(renderer.processNamespace).not.toBe(main[0].processNamespace)
    }
  })

  it('made no network connection, nor tried to', () => {
    const { noRouteIpv6, ...attempts } = journey.network
    expect(attempts).toEqual({ noRoute: 0, datagrams: 0 })
    // Chromium asks the kernel now and then whether an IPv6 address has a route, by a UDP socket that sends nothing
    expect(noRouteIpv6).toBeLessThanOrEqual(3)
    // where onnxruntime's telemetry keeps its identifier and what it has yet to send
    expect(existsSync(path.join(user.home, '.cache/Microsoft'))).toBe(false)
  })

  it('brings the command olmp', async () => {
    expect(await olmp('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
    const inspected = await olmp('inspect', path.join(user.home, sampleFolder), '--json')
    expect(inspected.stderr).toBe('')
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      name: 'LeNet-300-100',
      parameters: 266610,
      obstacle: null,
    })
    const wrong = await olmp('inspect', '/nowhere')
    expect(wrong.status).toBe(1)
    expect(wrong.stderr).toMatch(/^error: /)
  })

  it("leaves nothing behind but the user's own data", async () => {
    await aptPurge(packageName)
    const after = systemFiles()
    const added = [...after].filter((file) => !before.has(file))
    expect(unowned(added)).toEqual([])
    expect([...after].filter((file) => /olmp[-_ ]?studio/i.test(file))).toEqual([])
    expect(existsSync(path.join(user.home, sampleFolder))).toBe(true)
    expect(readdirSync(path.join(user.home, '.config/OLMP Studio/projects')).length).toBeGreaterThanOrEqual(2)
  })
})
