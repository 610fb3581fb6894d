import { html, type Markup } from './markup'

/** The first column names the row; the others are numbers. */
export function table(head: string[], rows: (string | Markup)[][], className = ''): Markup {
  return html`<table class="${className}">
    <thead>
      <tr>
        ${head.map((cell, index) => html`<th scope="col" class="${index === 0 ? '' : 'n'}">${cell}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        ([first, ...others]) =>
          html`<tr>
            <th scope="row">${first}</th>
            ${others.map((cell) => html`<td class="n">${cell}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** Names and what they stand for. */
export function facts(rows: [string, string | Markup][]): Markup {
  return html`<table>
    <tbody>
      ${rows.map(
        ([name, value]) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td>${value}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}
