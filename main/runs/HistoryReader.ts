// A run's history read back as columns and pages, also while its owner writes.

import { existsSync } from 'node:fs'

import type { DatabaseSyncInstance } from '@photostructure/sqlite'

import { openForReading } from './historyFile'
import { damagedHistory, isDamaged } from './sqlite'
import type { LogLevel, RunCycle, RunPhase, SearchRecord, TestRecord } from './types'

/** One value per row; NaN where a value is not known. */
export interface IterationTable {
  iteration: Float64Array
  loss: Float64Array
  accuracy: Float64Array
  learningRate: Float64Array
  compression: Float64Array
}

export interface TestTable {
  iteration: Float64Array
  loss: Float64Array
  accuracy: Float64Array
  compression: Float64Array
}

/** `kept[layer][row]` */
export interface DensityTable {
  iteration: Float64Array
  kept: Float64Array[]
}

export interface StoredPhase {
  phase: RunPhase
  text: string
  iteration: number
  iterations: number
  cycle?: RunCycle
}

export interface StoredLogLine {
  number: number
  timeMs: number
  level: LogLevel
  text: string
}

export interface LogQuery {
  /** Text; ASCII letters match in either case. */
  search?: string
  levels?: LogLevel[]
  /** Lines before this number only. */
  before?: number
  limit: number
}

type Row = (number | string | null)[]

const ITERATIONS = 'SELECT iteration, loss, accuracy, learning_rate, compression FROM iterations'

/** Does `work` on one consistent state of the history; null where there is none yet. Throws AppError 'damaged-history',
 *  'newer-run'. */
export function readHistory<T>(file: string, work: (reader: HistoryReader) => T): T | null {
  if (!existsSync(file)) return null
  let database: DatabaseSyncInstance | null = null
  try {
    database = openForReading(file)
    // A file whose owner has not made the tables yet.
    if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get() === undefined) return null
    database.exec('BEGIN')
    return work(new HistoryReader(database))
  } catch (error) {
    throw isDamaged(error) ? damagedHistory(file, error) : error
  } finally {
    database?.close()
  }
}

export class HistoryReader {
  constructor(private readonly database: DatabaseSyncInstance) {}

  iterations(): IterationTable {
    return iterationTable(this.rows(`${ITERATIONS} ORDER BY iteration`))
  }

  /** About `maxPoints` rows: of every stretch the one with the lowest and the one with the highest loss, so that no peak
   *  is lost, and the last of all. */
  thinnedIterations(maxPoints: number): IterationTable {
    const [count, first, last] = this.rows(
      'SELECT count(*), coalesce(min(iteration), 0), coalesce(max(iteration), 0) FROM iterations',
    )[0] as number[]
    if (count <= maxPoints) return this.iterations()
    const stretch = Math.max(1, Math.ceil((2 * (last - first + 1)) / maxPoints))
    // SQLite takes the other columns of a group from the row that has its minimum or maximum.
    const extreme = (which: 'min' | 'max') =>
      `SELECT iteration, ${which}(loss) AS loss, accuracy, learning_rate, compression FROM iterations
       GROUP BY (iteration - ${first}) / ${stretch}`
    const sql = `${extreme('min')} UNION ${extreme('max')} UNION ${ITERATIONS} WHERE iteration = ? ORDER BY iteration`
    return iterationTable(this.rows(sql, last))
  }

  tests(): TestTable {
    const rows = this.rows('SELECT iteration, loss, accuracy, compression FROM tests ORDER BY event')
    const [iteration, loss, accuracy, compression] = columns(rows, 4)
    return { iteration, loss, accuracy, compression }
  }

  lastTest(): TestRecord | null {
    const sql = 'SELECT iteration, accuracy, loss, compression, images FROM tests ORDER BY event DESC LIMIT 1'
    const [row] = this.rows(sql)
    if (row === undefined) return null
    const [iteration, accuracy, loss, compression, images] = row.map(known)
    return { iteration, accuracy, loss, compression, images }
  }

  lastIteration(): number | null {
    return this.rows('SELECT max(iteration) FROM iterations')[0][0] as number | null
  }

  densities(): DensityTable {
    const rows = this.rows('SELECT iteration, layer, kept FROM densities ORDER BY iteration, layer')
    const iteration: number[] = []
    const kept: number[][] = []
    for (const [at, layer, share] of rows as number[][]) {
      if (iteration[iteration.length - 1] !== at) iteration.push(at)
      kept[layer] ??= []
      kept[layer].push(known(share))
    }
    return { iteration: Float64Array.from(iteration), kept: kept.map((values) => Float64Array.from(values)) }
  }

  /** All generations of the search begun last, ascending. */
  lastSearch(): SearchRecord[] {
    const iteration = this.rows('SELECT max(iteration) FROM searches')[0][0]
    return iteration === null ? [] : this.searchAt(iteration as number)
  }

  searchAt(iteration: number): SearchRecord[] {
    const generations = this.rows(
      'SELECT generation, best_kept FROM searches WHERE iteration = ? ORDER BY generation',
      iteration,
    )
    const records = new Map(
      (generations as number[][]).map(([generation, bestKept]) => [
        generation,
        { iteration, generation, kept: [], accuracy: [], feasible: [], bestKept } as SearchRecord,
      ]),
    )
    const candidates = this.rows(
      `SELECT generation, kept, accuracy, feasible FROM candidates WHERE iteration = ?
       ORDER BY generation, candidate`,
      iteration,
    )
    for (const [generation, kept, accuracy, feasible] of candidates) {
      const record = records.get(generation as number)
      record?.kept.push(known(kept))
      record?.accuracy.push(known(accuracy))
      record?.feasible.push(feasible === 1)
    }
    return [...records.values()]
  }

  lastPhase(): StoredPhase | null {
    const [row] = this.rows(
      `SELECT phase, text, iteration, iterations, cycle_number, cycle_of, cycle_step FROM phases
       ORDER BY event DESC LIMIT 1`,
    )
    if (row === undefined) return null
    const [phase, text, iteration, iterations, number, of, step] = row
    const cycle = number === null ? {} : { cycle: { number, of, step } as RunCycle }
    return { phase, text, iteration, iterations, ...cycle } as StoredPhase
  }

  /** The last lines that match, ascending; how many do in all; whether some come before. */
  log({ search, levels, before, limit }: LogQuery): {
    lines: StoredLogLine[]
    total: number
    more: boolean
  } {
    const conditions: string[] = []
    const values: (string | number)[] = []
    if (search !== undefined && search !== '') {
      conditions.push("text LIKE ? ESCAPE '\\'")
      values.push(`%${search.replace(/[\\%_]/g, '\\$&')}%`)
    }
    if (levels !== undefined) {
      conditions.push(`level IN (${levels.map(() => '?').join(', ')})`)
      values.push(...levels)
    }
    const where = (all: string[]) => (all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`)
    const total = this.rows(`SELECT count(*) FROM log ${where(conditions)}`, ...values)[0][0] as number
    const bounded = [...conditions, ...(before === undefined ? [] : ['number < ?'])]
    const rows = this.rows(
      `SELECT number, time_ms, level, text FROM log ${where(bounded)} ORDER BY number DESC LIMIT ?`,
      ...values,
      ...(before === undefined ? [] : [before]),
      limit + 1,
    )
    const lines = rows
      .slice(0, limit)
      .reverse()
      .map(([number, timeMs, level, text]) => ({ number, timeMs, level, text }) as StoredLogLine)
    return { lines, total, more: rows.length > limit }
  }

  private rows(sql: string, ...values: (string | number)[]): Row[] {
    const statement = this.database.prepare(sql, { returnArrays: true })
    try {
      return statement.all(...values) as Row[]
    } finally {
      statement.close()
    }
  }
}

function known(value: number | string | null): number {
  return value === null ? Number.NaN : Number(value)
}

function columns(rows: Row[], count: number): Float64Array[] {
  const lists = Array.from({ length: count }, () => new Float64Array(rows.length))
  rows.forEach((row, i) => {
    for (let c = 0; c < count; c++) lists[c][i] = known(row[c])
  })
  return lists
}

function iterationTable(rows: Row[]): IterationTable {
  const [iteration, loss, accuracy, learningRate, compression] = columns(rows, 5)
  return { iteration, loss, accuracy, learningRate, compression }
}
