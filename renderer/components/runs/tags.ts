/** `a, b b , ,a` -> ['a', 'b b']: as typed, once each. */
export function parseTags(text: string): string[] {
  const tags = text
    .split(/[,，;；]/)
    .map((tag) => tag.trim().slice(0, 50))
    .filter((tag) => tag !== '')
  return [...new Set(tags)].slice(0, 30)
}
