import { describe, expect, it } from 'vitest'

import { AppError } from '../../../main/net/errors'
import { requestSchemas } from '../../../preload/contract'
import { id, integer, number, object, oneOf, optional, string } from '../../../preload/schema'

function refusal(work: () => unknown): AppError {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('request schemas', () => {
  it('gives a value of the right form unchanged', () => {
    const request = { projectId: 'lenet-300-100-0a1b2c3d', runId: '20260102-101500' }
    expect(requestSchemas['runs:pause'](request, 'request')).toEqual(request)
  })

  it('names the place of what is wrong', () => {
    const start = (request: object) =>
      refusal(() => requestSchemas['runs:start']({ projectId: 'a', request }, 'request'))
    const error = start({ settings: {}, threads: 0 })
    expect(error.code).toBe('invalid-request')
    expect(error.message).toBe('request.request.threads must be a number from 1 to 256.')
    expect(start({ settings: [] }).message).toBe('request.request.settings must be an object.')
    expect(start({ settings: {}, tags: ['a', 5] }).message).toMatch(
      /^request\.request\.tags\S*1\S* must be a text/,
    )
  })

  it.each(['../outside', 'a/b', '', 'A', '.', 'a\0', 5, undefined])('refuses %j as an id', (value) => {
    expect(refusal(() => id(value, 'request.projectId')).code).toBe('invalid-request')
  })

  it('refuses fields nobody asked for, and objects that are none', () => {
    const point = object({ x: number(0, 1) })
    expect(refusal(() => point({ x: 0, y: 0 }, 'point')).message).toBe('point.y must be absent.')
    for (const value of [null, [], 'x', undefined]) expect(() => point(value, 'point')).toThrow(AppError)
  })

  it('refuses NaN, fractions and infinities where a whole number is wanted', () => {
    for (const value of [NaN, 1.5, Infinity, '3']) expect(() => integer(0, 10)(value, 'n')).toThrow(AppError)
    expect(integer(0, 10)(10, 'n')).toBe(10)
  })

  it('knows words, optional values and the length of texts', () => {
    expect(oneOf('a', 'b')('b', 'word')).toBe('b')
    expect(() => oneOf('a', 'b')('c', 'word')).toThrow('one of a, b')
    expect(optional(string())(undefined, 'text')).toBeUndefined()
    expect(() => string(3)('abcd', 'text')).toThrow(AppError)
  })
})
