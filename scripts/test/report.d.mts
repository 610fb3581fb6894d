export interface PartResult {
  passed: number
  failed: number
  skipped: string[]
  output: string
}

export interface Finished {
  status: number | null
  output: string
}

export function oneCheck(finished: Finished): PartResult
export function skippedLines(output: string): string[]
export function fromVitest(finished: Finished, reportFile: string): PartResult
export function fromCtest(finished: Finished, reportFile: string): PartResult
