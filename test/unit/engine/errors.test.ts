import { describe, expect, it } from 'vitest'

import { engineError } from '../../../main/engine/errors'
import { AppError } from '../../../main/net/errors'

describe('engineError', () => {
  it('keeps code, message and file, and says what to do', () => {
    const thrown = Object.assign(new Error('the file does not exist'), { code: 'missing-file', file: '/x/y' })
    const error = engineError(thrown)
    expect(error).toBeInstanceOf(AppError)
    expect(error.describe()).toBe('/x/y: the file does not exist (check the path)')
    expect(error.code).toBe('missing-file')
    expect(error.cause).toBe(thrown)
  })

  it('leaves an AppError as it is', () => {
    const error = new AppError('unknown-layer', 'no')
    expect(engineError(error)).toBe(error)
  })

  it('calls what has no code internal', () => {
    expect(engineError(new TypeError('x'))).toMatchObject({ code: 'internal', message: 'x', file: undefined })
    expect(engineError('text')).toMatchObject({ code: 'internal', message: 'text' })
  })
})
