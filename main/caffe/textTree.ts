// Protobuf's text format as a tree of names and places. protobufjs reads the values; this pass exists because its
// errors carry no column and its messages no places, and a person needs both.

import { AppError } from '../net/errors'
import type { SourceLocation } from '../net/graph'

export interface TextMessage {
  fields: TextField[]
  at: SourceLocation
}

/** One value of one field; `name: [a, b]` makes two. */
export interface TextField {
  name: string
  at: SourceLocation
  value: TextScalar | TextMessage
}

export interface TextScalar {
  kind: 'string' | 'number' | 'word'
  /** As written; a string without its quotes, a negative number with its sign. */
  raw: string
  at: SourceLocation
}

export function isTextMessage(value: TextScalar | TextMessage): value is TextMessage {
  return 'fields' in value
}

/** The n-th field of that name, or undefined. */
export function findField(message: TextMessage | undefined, name: string, n = 0): TextField | undefined {
  return message?.fields.filter((field) => field.name === name)[n]
}

/** The messages of a repeated field, in order. */
export function childMessages(message: TextMessage | undefined, name: string): TextMessage[] {
  if (message === undefined) return []
  return message.fields.flatMap((f) => (f.name === name && isTextMessage(f.value) ? [f.value] : []))
}

/** The place of `convolution_param.kernel_size` inside a layer; the nearest place known where it was not written. */
export function locate(message: TextMessage | undefined, path: string): SourceLocation | undefined {
  let place = message?.at
  let current = message
  for (const name of path.split('.')) {
    const field = findField(current, name)
    if (field === undefined) return place
    place = isTextMessage(field.value) ? field.at : field.value.at
    current = isTextMessage(field.value) ? field.value : undefined
  }
  return place
}

interface Token {
  kind: 'punctuation' | 'string' | 'number' | 'word' | 'end'
  raw: string
  offset: number
}

// protobufjs stops at the same depth (protobuf's own default)
const maxDepth = 100

// Sticky: tried at one offset only, so that a token costs time proportional to its own length. Runs of any length are
// scanned by hand: the engine's stack is the limit of a repeated group.
const numberPattern = /0[xX][0-9A-Fa-f]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?/y
const wordPattern = /[A-Za-z_][A-Za-z0-9_]*/y
// no number and no name comes near it
const maxTokenLength = 4096

class Scanner {
  private offset = 0
  private lineStarts: number[] = [0]
  private token: Token

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) this.lineStarts.push(i + 1)
    this.token = this.read()
  }

  get current(): Token {
    return this.token
  }

  next(): Token {
    const token = this.token
    this.token = this.read()
    return token
  }

  skip(punctuation: string): boolean {
    if (this.token.kind !== 'punctuation' || this.token.raw !== punctuation) return false
    this.next()
    return true
  }

  place(offset: number): SourceLocation {
    let low = 0
    let high = this.lineStarts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.lineStarts[middle] <= offset) low = middle
      else high = middle
    }
    return { file: this.file, line: low + 1, column: offset - this.lineStarts[low] + 1 }
  }

  fail(message: string, offset = this.token.offset, hint?: string): never {
    throw new AppError('prototxt-syntax', message, { ...this.place(offset), hint })
  }

  expected(what: string): never {
    const found = this.token.kind === 'end' ? 'the end of the file' : `'${clip(this.token.raw)}'`
    this.fail(`expected ${what}, found ${found}`)
  }

  private skipBlanks(): void {
    const { text } = this
    for (;;) {
      const character = text[this.offset]
      if (character === '#') {
        const end = text.indexOf('\n', this.offset)
        this.offset = end === -1 ? text.length : end
      } else if (character !== undefined && ' \t\v\f\r\n'.includes(character)) {
        this.offset++
      } else {
        return
      }
    }
  }

  private readString(quote: string): Token {
    const { text, offset } = this
    for (let i = offset + 1; i < text.length && text[i] !== '\n'; i++) {
      if (text[i] === '\\') i++
      else if (text[i] === quote) {
        this.offset = i + 1
        return { kind: 'string', raw: text.slice(offset + 1, i), offset }
      }
    }
    this.fail('this string has no closing quote on its line', offset)
  }

  private readMatch(kind: 'number' | 'word', pattern: RegExp): Token | null {
    const { offset } = this
    pattern.lastIndex = offset
    const raw = pattern.exec(this.text)?.[0]
    if (raw === undefined) return null
    if (raw.length > maxTokenLength) this.fail(`a ${kind} of ${raw.length} characters`, offset)
    this.offset += raw.length
    const next = this.text[this.offset] ?? ''
    if (kind === 'number' && /[A-Za-z0-9_]/.test(next))
      this.fail(`'${clip(raw + next)}' is not a number`, offset)
    return { kind, raw, offset }
  }

  private read(): Token {
    this.skipBlanks()
    const { offset } = this
    if (offset >= this.text.length) return { kind: 'end', raw: '', offset }
    const character = this.text[offset]
    if ('{}<>:[],;-'.includes(character)) {
      this.offset++
      return { kind: 'punctuation', raw: character, offset }
    }
    if (character === '"' || character === "'") return this.readString(character)
    const token = this.readMatch('number', numberPattern) ?? this.readMatch('word', wordPattern)
    if (token !== null) return token
    this.fail(`a character that the text format does not know: ${JSON.stringify(character)}`, offset)
  }
}

/** For messages: what was written, shortened. */
export function clip(raw: string): string {
  return raw.length > 40 ? `${raw.slice(0, 40)}...` : raw
}

function readMessage(scanner: Scanner, end: string | null, openedAt: number, depth: number): TextMessage {
  if (depth > maxDepth) scanner.fail(`messages are nested more than ${maxDepth} deep`)
  const message: TextMessage = { fields: [], at: scanner.place(openedAt) }
  for (;;) {
    const token = scanner.current
    if (token.kind === 'end') {
      if (end !== null) {
        scanner.fail(`the message opened here is never closed by '${end}'`, openedAt)
      }
      return message
    }
    if (end !== null && scanner.skip(end)) return message
    if (token.kind !== 'word') scanner.expected(end === null ? 'a field name' : `a field name or '${end}'`)
    readField(scanner, message, depth)
    if (scanner.current.raw === ',' || scanner.current.raw === ';') scanner.next()
  }
}

function readField(scanner: Scanner, message: TextMessage, depth: number): void {
  const name = scanner.next()
  const at = scanner.place(name.offset)
  const colon = scanner.skip(':')
  const add = () =>
    message.fields.push({
      name: name.raw,
      at,
      value: readValue(scanner, name.raw, name.offset, colon, depth),
    })
  if (!scanner.skip('[')) {
    add()
    return
  }
  if (scanner.skip(']')) return
  do add()
  while (scanner.skip(','))
  if (!scanner.skip(']')) scanner.expected("',' or ']'")
}

function readValue(
  scanner: Scanner,
  name: string,
  nameOffset: number,
  colon: boolean,
  depth: number,
): TextScalar | TextMessage {
  if (scanner.skip('{')) return readMessage(scanner, '}', nameOffset, depth + 1)
  if (scanner.skip('<')) return readMessage(scanner, '>', nameOffset, depth + 1)
  if (!colon) scanner.expected(`':' or '{' after '${clip(name)}'`)
  const at = scanner.place(scanner.current.offset)
  const negative = scanner.skip('-')
  const token = scanner.current
  if (token.kind === 'end' || token.kind === 'punctuation') scanner.expected(`a value for '${clip(name)}'`)
  if (token.kind === 'string' && negative) scanner.expected('a number')
  scanner.next()
  let raw = token.raw
  if (token.kind === 'string') while (scanner.current.kind === 'string') raw += scanner.next().raw
  return { kind: token.kind, raw: negative ? `-${raw}` : raw, at }
}

/** Reads text format without a schema. Throws AppError 'prototxt-syntax' with file, line and column. */
export function readTextTree(text: string, file: string): TextMessage {
  return readMessage(new Scanner(text, file), null, 0, 0)
}
