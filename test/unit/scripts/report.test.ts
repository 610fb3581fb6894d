// What `npm test` counts.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import { fromCtest, fromVitest, oneCheck, skippedLines } from '../../../scripts/test/report.mjs'

describe('the test report', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'olmp-report-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function file(text: string): string {
    const name = path.join(folder, 'report')
    writeFileSync(name, text)
    return name
  }

  const vitest = (numbers: object, testResults: object[] = []) =>
    file(
      JSON.stringify({
        numPassedTests: 0,
        numFailedTests: 0,
        numPendingTests: 0,
        numTodoTests: 0,
        ...numbers,
        testResults,
      }),
    )

  it('counts a tool that says yes or no as one check', () => {
    expect(oneCheck({ status: 0, output: '' })).toMatchObject({ passed: 1, failed: 0 })
    expect(oneCheck({ status: 2, output: '' })).toMatchObject({ passed: 0, failed: 1 })
  })

  it('counts tests, and files that did not even load', () => {
    const report = vitest({ numPassedTests: 5, numFailedTests: 1 }, [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{ status: 'failed' }] },
      { status: 'passed', assertionResults: [{ status: 'passed' }] },
    ])
    expect(fromVitest({ status: 1, output: '' }, report)).toMatchObject({ passed: 5, failed: 2 })
  })

  it('fails where the run failed though no test did, or left no report', () => {
    expect(fromVitest({ status: 1, output: '' }, vitest({ numPassedTests: 5 }))).toMatchObject({ failed: 1 })
    expect(fromVitest({ status: 0, output: '' }, path.join(folder, 'absent'))).toMatchObject({ failed: 1 })
  })

  it('tells why tests were skipped, once each', () => {
    expect(
      skippedLines('a\nSKIPPED: no ../shared\nb SKIPPED: no CUDA device \nSKIPPED: no ../shared\n'),
    ).toEqual(['no ../shared', 'no CUDA device'])
    const report = vitest({ numPendingTests: 2 })
    expect(fromVitest({ status: 0, output: '' }, report).skipped).toEqual(['2 tests, no reason given'])
  })

  it('reads ctest’s report', () => {
    const report = file(
      '<?xml version="1.0"?>\n<testsuite name="x"\n tests="9" failures="2" disabled="0" skipped="1">',
    )
    expect(fromCtest({ status: 8, output: '' }, report)).toMatchObject({ passed: 6, failed: 2 })
    expect(fromCtest({ status: 1, output: '' }, path.join(folder, 'absent'))).toMatchObject({ failed: 1 })
  })
})
