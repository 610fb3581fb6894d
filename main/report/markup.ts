// Text that becomes HTML or SVG. Values are escaped where they enter; what is markup already says so by its type.

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export class Markup {
  constructor(readonly source: string) {}
}

type Value = string | number | Markup | Value[]

/** html`<td>${name}</td>` */
export function html(parts: TemplateStringsArray, ...values: Value[]): Markup {
  return new Markup(parts.reduce((text, part, index) => `${text}${sourceOf(values[index - 1])}${part}`))
}

export const nothing = new Markup('')

function sourceOf(value: Value): string {
  if (value instanceof Markup) return value.source
  if (Array.isArray(value)) return value.map(sourceOf).join('')
  return String(value).replace(/[&<>"']/g, (character) => entities[character])
}
