// Checks of what crosses from the window into the app: once, at the edge. A schema gives the value typed, or throws an
// error naming the place in the request.

import { AppError } from '../main/net/errors'

export type Schema<T> = (value: unknown, place: string) => T

export type Infer<S> = S extends Schema<infer T> ? T : never

export class InvalidRequest extends AppError {
  constructor(place: string, expected: string) {
    super('invalid-request', `${place} must be ${expected}.`, {
      hint: 'This is a defect of the app: report it.',
    })
  }
}

export const nothing: Schema<void> = (value, place) => {
  if (value !== undefined) throw new InvalidRequest(place, 'absent')
}

export const boolean: Schema<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw new InvalidRequest(place, 'true or false')
  return value
}

export function string(maxLength = 4096): Schema<string> {
  return (value, place) => {
    if (typeof value !== 'string' || value.length === 0 || value.length > maxLength || value.includes('\0')) {
      throw new InvalidRequest(place, `a text of 1 to ${maxLength} characters`)
    }
    return value
  }
}

/** Ids become folder names: nothing that could lead out of the folder they are looked up in. */
export const id: Schema<string> = (value, place) => {
  if (typeof value !== 'string' || !/^[a-z0-9][a-z0-9-]{0,79}$/.test(value)) {
    throw new InvalidRequest(place, 'an id of lower-case letters, digits and hyphens')
  }
  return value
}

export function number(minimum: number, maximum: number): Schema<number> {
  return (value, place) => {
    if (typeof value !== 'number' || !(value >= minimum && value <= maximum)) {
      throw new InvalidRequest(place, `a number from ${minimum} to ${maximum}`)
    }
    return value
  }
}

export function integer(minimum: number, maximum: number): Schema<number> {
  const inRange = number(minimum, maximum)
  return (value, place) => {
    if (!Number.isInteger(value)) throw new InvalidRequest(place, 'a whole number')
    return inRange(value, place)
  }
}

export function oneOf<const T extends string>(...words: T[]): Schema<T> {
  return (value, place) => {
    const found = words.find((word) => word === value)
    if (found === undefined) throw new InvalidRequest(place, `one of ${words.join(', ')}`)
    return found
  }
}

export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return (value, place) => (value === undefined ? undefined : schema(value, place))
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return (value, place) => (value === null ? null : schema(value, place))
}

/** Exactly the fields named: a field nobody reads is a mistake of the sender. */
export function object<F extends Record<string, Schema<unknown>>>(fields: F): Schema<Fields<F>> {
  return (value, place) => {
    if (!isRecord(value)) throw new InvalidRequest(place, 'an object')
    const unknown = Object.keys(value).find((key) => !Object.hasOwn(fields, key))
    if (unknown !== undefined) throw new InvalidRequest(`${place}.${unknown}`, 'absent')
    const entries = Object.entries(fields).map(([key, schema]) => [
      key,
      schema(value[key], `${place}.${key}`),
    ])
    // What is absent stays absent: spread over settings it must not unset them.
    return Object.fromEntries(entries.filter(([, parsed]) => parsed !== undefined)) as Fields<F>
  }
}

type OptionalKeys<F> = { [K in keyof F]: undefined extends Infer<F[K]> ? K : never }[keyof F]
type Fields<F> = { [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
  [K in OptionalKeys<F>]?: Exclude<Infer<F[K]>, undefined>
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function array<T>(items: Schema<T>, maxLength: number): Schema<T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length > maxLength) {
      throw new InvalidRequest(place, `a list of at most ${maxLength}`)
    }
    return value.map((item, index) => items(item, `${place}[${index}]`))
  }
}

/** Finite numbers in a typed array. */
export function floats(maxLength: number): Schema<Float32Array> {
  return (value, place) => {
    if (!(value instanceof Float32Array) || value.length === 0 || value.length > maxLength) {
      throw new InvalidRequest(place, `1 to ${maxLength} numbers of single precision`)
    }
    if (!value.every((number) => Number.isFinite(number))) throw new InvalidRequest(place, 'finite numbers')
    return value
  }
}
