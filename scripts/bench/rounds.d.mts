export interface Times {
  median: number
  min: number
}

export interface Summary extends Times {
  spread: number
}

export function alternate<T>(rounds: number, sides: (() => T | Promise<T>)[]): Promise<T[][]>
export function summarise(rounds: Times[]): Summary
export function compare(
  ours: Times[],
  peer: Times[],
): { ours: Summary; peer: Summary; ratio: number; ratioOfMinima: number }
export function parseTimes(text: string): Record<string, Times>
