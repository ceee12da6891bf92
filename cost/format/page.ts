/** One self-contained HTML page: no script, no font, no picture from elsewhere. */

export const escapeHtml = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

const style = `
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; }
th, td { text-align: left; padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
th { font-weight: 600; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.total td { font-weight: 600; border-top: 2px solid #999; }
ul { padding-left: 1.2rem; } .warning { color: #a04000; } .failure { color: #b00020; font-weight: 600; } .faint { color: #666; }
figure { margin: 1.5rem 0; overflow-x: auto; } figure svg { max-width: 100%; height: auto; } pre { background: #f5f5f5; padding: 0.75rem; overflow-x: auto; }
`;

export type HtmlColumn = { readonly head: string; readonly number: boolean };

export function htmlTable(
  columns: readonly HtmlColumn[],
  rows: readonly (readonly string[])[],
  total: readonly string[] | null,
): string {
  const tag = (name: "th" | "td", text: string, index: number): string =>
    `<${name}${columns[index]?.number === true ? ' class="number"' : ""}>${escapeHtml(text)}</${name}>`;
  const row = (cells: readonly string[], kind: string): string =>
    `<tr${kind}>${cells.map((text, index) => tag("td", text, index)).join("")}</tr>`;
  return [
    "<table>",
    `<thead><tr>${columns.map((column, index) => tag("th", column.head, index)).join("")}</tr></thead>`,
    "<tbody>",
    ...rows.map((cells) => row(cells, "")),
    ...(total === null ? [] : [row(total, ' class="total"')]),
    "</tbody>",
    "</table>",
  ].join("\n");
}

export const htmlList = (items: readonly string[], kind = ""): string =>
  items.length === 0
    ? ""
    : `<ul${kind === "" ? "" : ` class="${kind}"`}>\n${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}\n</ul>`;

export const figure = (svg: string): string => `<figure>${svg}</figure>`;

export const paragraph = (text: string, kind = ""): string =>
  `<p${kind === "" ? "" : ` class="${kind}"`}>${escapeHtml(text)}</p>`;

export const heading = (level: 1 | 2 | 3, text: string): string => `<h${level}>${escapeHtml(text)}</h${level}>`;

export const htmlPage = (title: string, body: readonly string[]): string =>
  [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    ...body.filter((part) => part !== ""),
    "</body>",
    "</html>",
  ].join("\n");
