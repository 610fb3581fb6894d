// Settings as a file keeps them: brought to the present format, each field checked. Pure.

import { type AppSettings, defaultSettings } from './types'

const formatVersion = defaultSettings.formatVersion

type Fields = Record<string, unknown>
type Checks = { [K in Exclude<keyof AppSettings, 'formatVersion'>]: (value: unknown) => boolean }

const isOneOf =
  (...words: unknown[]) =>
  (value: unknown) =>
    words.includes(value)
const isWhole = (least: number, most: number) => (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
const isNullOr = (check: (value: unknown) => boolean) => (value: unknown) => value === null || check(value)

const checks: Checks = {
  language: isOneOf('system', 'en', 'zh-CN'),
  theme: isOneOf('system', 'light', 'dark'),
  device: isOneOf('cpu', 'cuda'),
  threads: isNullOr(isWhole(1, 256)),
  dataFolder: isNullOr((value) => typeof value === 'string' && value !== ''),
  checkpointIntervalIterations: isNullOr(isWhole(1, 100_000_000)),
  keepCheckpoints: isWhole(1, 1000),
  notifications: isOneOf(true, false),
}

/** One step per format: from the format of its index to the next. */
const migrations: ((old: Fields) => Fields)[] = [
  // Format 0 carried no version, named a language without its region and the interval without its unit, and had 0 for
  // what the app chooses itself.
  ({ locale, checkpointInterval, threads, ...rest }) => ({
    ...rest,
    ...(locale === undefined ? {} : { language: locale === 'zh' ? 'zh-CN' : locale }),
    ...(threads === undefined ? {} : { threads: threads === 0 ? null : threads }),
    ...(checkpointInterval === undefined
      ? {}
      : { checkpointIntervalIterations: checkpointInterval === 0 ? null : checkpointInterval }),
    formatVersion: 1,
  }),
]

export type ParsedSettings =
  /** `refused` names the fields that were not valid: they have their defaults now. */
  { settings: AppSettings; refused: string[] } | { reason: string }

export function parseSettings(text: string): ParsedSettings {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { reason: 'it is not valid JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reason: 'it holds no settings' }
  let fields = value as Fields
  const version = fields.formatVersion ?? 0
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 0)
    return { reason: 'its format is not a number' }
  if (version > formatVersion)
    return {
      reason: `it has format ${version}, of a newer version of the app; this one reads format ${formatVersion}`,
    }
  for (const migrate of migrations.slice(version)) fields = migrate(fields)
  return checkFields(fields)
}

function checkFields(fields: Fields): ParsedSettings {
  const names = Object.keys(checks) as (keyof Checks)[]
  const given = names.filter((name) => fields[name] !== undefined)
  const [valid, refused] = [
    given.filter((name) => checks[name](fields[name])),
    given.filter((name) => !checks[name](fields[name])),
  ]
  const kept = Object.fromEntries(valid.map((name) => [name, fields[name]])) as Partial<AppSettings>
  return { settings: { ...defaultSettings, ...kept }, refused }
}
