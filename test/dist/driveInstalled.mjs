// Drives the installed app through its main journey, as a program of its own: the test starts it by `unshare --net`, so
// that neither it nor the app has any network but loopback. Arguments: one JSON object. Last line of stdout: the
// outcome as JSON.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'

const { user, home, sampleFolder, screenshot } = JSON.parse(process.argv[2])
const debuggingPort = 9223
const journeyTimeoutMs = 200_000

const environment = { HOME: home, USER: user, LOGNAME: user, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' }

function asUser(command, args, stdio, more = {}) {
  const settings = Object.entries({ ...environment, ...more }).map(([name, value]) => `${name}=${value}`)
  return spawn('runuser', ['-u', user, '--', 'env', '-i', ...settings, command, ...args], { stdio })
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function until(what, check, timeoutMs = 60_000) {
  const end = Date.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await sleep(250)
  }
}

/** An X server of the user's own, without TCP; answers its number. */
async function startDisplay() {
  const screen = ['-screen', '0', '1280x900x24', '-nolisten', 'tcp']
  const server = asUser('Xvfb', ['-displayfd', '3', ...screen], ['ignore', 'ignore', 'ignore', 'pipe'])
  let number = ''
  server.stdio[3].on('data', (chunk) => (number += chunk))
  await until('the X server', () => number.includes('\n'))
  return { server, display: `:${number.trim()}` }
}

function startApp(display) {
  let output = ''
  const args = ['--disable-gpu', `--remote-debugging-port=${debuggingPort}`]
  const app = asUser('olmp-studio', args, ['ignore', 'pipe', 'pipe'], { DISPLAY: display })
  for (const stream of [app.stdout, app.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exited = new Promise((resolve) => app.on('close', (code, signal) => resolve({ code, signal })))
  return { app, exited, output: () => output }
}

/** Of every process that runs the installed executable. */
function appProcesses() {
  const processes = []
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (path.basename(fs.readlinkSync(`/proc/${pid}/exe`)) !== 'olmp-studio') continue
      // Chromium's children rewrite theirs with spaces
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split(/[\0 ]+/)
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
      const type = command.find((argument) => argument.startsWith('--type='))
      processes.push({
        type: type?.slice('--type='.length) ?? 'main',
        uid: Number(/^Uid:\s+(\d+)/m.exec(status)[1]),
        // 2: filtered by seccomp-bpf (proc_pid_status(5))
        seccomp: Number(/^Seccomp:\s+(\d+)/m.exec(status)[1]),
        processNamespace: fs.readlinkSync(`/proc/${pid}/ns/pid`),
        unsandboxed: command.includes('--no-sandbox'),
      })
    } catch {
      // ended meanwhile
    }
  }
  return processes
}

/**
 * What tried to leave this network namespace. Without an interface every packet to elsewhere ends as "no route", a name
 * asked of a resolver on this machine as a datagram.
 */
function networkAttempts() {
  const counters = {}
  const lines = fs.readFileSync('/proc/net/snmp', 'utf8').trim().split('\n')
  for (let i = 0; i < lines.length; i += 2) {
    const [names, values] = [lines[i], lines[i + 1]].map((line) => line.split(/\s+/))
    names.forEach((name, at) => (counters[`${names[0]}${name}`] = Number(values[at])))
  }
  const version6 = Object.fromEntries(
    fs
      .readFileSync('/proc/net/snmp6', 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/)),
  )
  return {
    noRoute: counters['Ip:OutNoRoutes'],
    noRouteIpv6: Number(version6.Ip6OutNoRoutes),
    datagrams: counters['Udp:OutDatagrams'] + Number(version6.Udp6OutDatagrams),
  }
}

async function connect(output) {
  const browser = await until('the debugging port', () =>
    chromium.connectOverCDP(`http://127.0.0.1:${debuggingPort}`).catch(() => undefined),
  ).catch((error) => {
    throw new Error(`${error.message}; the app said:\n${output()}`)
  })
  const page = await until('the window', () => browser.contexts()[0]?.pages()[0])
  return { browser, page }
}

/** Calls the app as its window does; an error answer becomes an error here. */
async function call(page, channel, request) {
  const answer = await page.evaluate(([name, value]) => window.api[name](value), [channel, request])
  if (!answer.ok) throw new Error(`${channel}: ${JSON.stringify(answer.error)}`)
  return answer.value
}

async function journey(page) {
  const rail = page.getByRole('navigation').first()
  await rail.waitFor({ state: 'visible' })
  const { width, height } = await rail.boundingBox()
  const info = await call(page, 'app:info')
  const list = await until(
    'the sample project',
    async () => {
      const answer = await call(page, 'projects:list')
      if (answer.problems.length > 0) throw new Error(JSON.stringify(answer.problems))
      return answer.preparing === null && answer.projects.length > 0 ? answer : undefined
    },
    journeyTimeoutMs,
  )
  await page.screenshot({ path: screenshot })
  const processes = appProcesses()

  const source = { folder: path.join(home, sampleFolder) }
  const report = await call(page, 'model:inspect', source)
  const project = await call(page, 'projects:create', { name: 'Installed', source })
  const settings = {
    ...report.suggested,
    seed: 1,
    iterations: 600,
    pruneStop: 300,
    pruneInterval: 100,
    evaluations: 30,
    population: 10,
    testInterval: 100,
  }
  const { id: runId } = await call(page, 'runs:start', {
    projectId: project.id,
    request: { settings, threads: 2 },
  })
  const address = { projectId: project.id, runId }
  const { summary } = await until(
    'the run',
    async () => {
      const history = await call(page, 'runs:history', address)
      if (history.summary.state === 'failed') throw new Error(JSON.stringify(history.error))
      return history.summary.state === 'finished' ? history : undefined
    },
    journeyTimeoutMs,
  )
  const exported = await call(page, 'models:export', { ...address, format: 'onnx', job: 'package-test' })
  return {
    rail: { width, height },
    info,
    samples: list.projects.map(({ name }) => name),
    obstacle: report.obstacle,
    run: summary,
    exported: { ...exported, exists: fs.existsSync(exported.file) },
    processes,
  }
}

const { server, display } = await startDisplay()
const { app, exited, output } = startApp(display)
let outcome
try {
  const { page } = await connect(output)
  outcome = await journey(page)
  await page.close()
  // the last window closed is the end of the app
  outcome.exit = await Promise.race([exited, sleep(30_000).then(() => 'still running')])
  outcome.network = networkAttempts()
} catch (error) {
  outcome = { error: error instanceof Error ? error.stack : String(error) }
} finally {
  app.kill('SIGTERM')
  server.kill('SIGTERM')
}
console.log(JSON.stringify({ ...outcome, output: output() }))
process.exit(0)
