// What a part of the test run answers: { passed, failed, skipped: [reason], output }, and how tools' reports become it.
import fs from 'node:fs'

/** A tool that only says yes or no counts as one check. */
export function oneCheck({ status, output }) {
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: [], output }
}

/** Tests announce what they could not do as a line `SKIPPED: reason`. */
export function skippedLines(output) {
  const lines = output.match(/SKIPPED: .*/g) ?? []
  return [...new Set(lines.map((line) => line.slice('SKIPPED: '.length).trim()))]
}

export function fromVitest({ status, output }, reportFile) {
  const report = readJson(reportFile)
  if (report === undefined) return { passed: 0, failed: 1, skipped: [], output }
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  let failed = report.numFailedTests + brokenFiles.length
  // an unhandled error fails the run without failing a test
  if (status !== 0 && failed === 0) failed = 1
  const pending = report.numPendingTests + report.numTodoTests
  const skipped = skippedLines(output)
  if (pending > 0 && skipped.length === 0) skipped.push(`${pending} tests, no reason given`)
  return { passed: report.numPassedTests, failed, skipped, output }
}

export function fromCtest({ status, output }, reportFile) {
  const report = fs.existsSync(reportFile) ? fs.readFileSync(reportFile, 'utf8') : ''
  const count = (name) => Number(new RegExp(`<testsuite[^>]*\\b${name}="(\\d+)"`).exec(report)?.[1] ?? 0)
  const tests = count('tests')
  const notRun = count('skipped') + count('disabled')
  let failed = count('failures')
  if (status !== 0 && failed === 0) failed = 1
  const skipped = skippedLines(output + report)
  return { passed: tests - failed - notRun, failed, skipped, output }
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
