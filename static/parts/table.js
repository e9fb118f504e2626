// Lists as tables: rows of 32 pixels, figures to the right, an export where a list is long.

import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { api } from "../state/session.js";
import { Icon, html, useState } from "../lib/ui.js";
import { printPage } from "./print.js";
import { Card, Empty, Fresh } from "./panel.js";
import { missed } from "./toasts.js";

/**
 * A table. `columns`: `{ title, cell(row), number, wrap, text(row) }`; `rowId(row)` gives each its key.
 */
export function Table({ columns, rows, rowId, caption, rowProps, empty }) {
  if (rows.length === 0) return html`<${Empty}>${empty ?? t("There is nothing here.")}</${Empty}>`;
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: caption })}><table class="table">
    <thead><tr>${columns.map((column) => html`<th scope="col" key=${column.title} class=${column.number ? "number" : undefined}>${column.title || html`<span class="visually-hidden">${t("Actions")}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${rowId(row)} ...${rowProps?.(row)}>
      ${columns.map((column) => html`<td key=${column.title} class=${column.number ? "number" : column.wrap ? "wrap" : column.title ? undefined : "row-buttons"}>${column.cell(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** A cell of a CSV file: quoted, and never a formula. */
function csvCell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** Saves rows as a CSV file. */
export function saveCsv(name, columns, rows) {
  const lines = [columns.map((column) => csvCell(column.title)), ...rows.map((row) => columns.map((column) => csvCell((column.text ?? column.cell)(row))))];
  save(new Blob([`\ufeff${lines.map((line) => line.join(",")).join("\r\n")}\r\n`], { type: "text/csv" }), `${name}.csv`);
}

/** Saves a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * A list of the API, page by page: `{ resource, rows, more, hasMore }`. `whole` has all its pages at once: what is sought in it here is not to be
 * missed because it is further down.
 * @param {string} path
 * @param {{ whole?: boolean, every?: number, on?: string[] }} options
 */
export function useList(path, { whole = false, ...options } = {}) {
  const [further, setFurther] = useState({ path, items: [], cursor: undefined, busy: false });
  const page = (limit) => `${path}${path.includes("?") ? "&" : "?"}limit=${limit}`;
  const resource = useResource(async () => {
    const first = whole ? { items: await api.all(page(500)), next_cursor: null } : await api.get(page(100));
    setFurther({ path, items: [], cursor: undefined, busy: false });
    return first;
  }, [path, whole], options);
  const cursor = further.cursor === undefined ? resource.data?.next_cursor : further.cursor;
  const more = async () => {
    setFurther((all) => ({ ...all, busy: true }));
    try {
      const next = await api.get(`${page(100)}&cursor=${encodeURIComponent(cursor)}`);
      setFurther((all) => ({ path, items: [...all.items, ...next.items], cursor: next.next_cursor ?? null, busy: false }));
    } catch (error) {
      missed(error, t("No more could be loaded"));
      setFurther((all) => ({ ...all, busy: false }));
    }
  };
  return { resource, rows: [...(resource.data?.items ?? []), ...further.items], more, hasMore: Boolean(cursor), busy: further.busy };
}

/** Prints the page. */
export function PrintButton() {
  return html`<button type="button" class="button button-quiet" aria-label=${t("Print")} title=${t("Print")} onClick=${printPage}><${Icon} name="print" /></button>`;
}

/** A panel with a list of the API. What it is filtered by stays while another list is loaded. */
export function ListPanel({ list, columns, rowId, title, id, actions, filters, csv, empty, rowProps, children }) {
  const { resource } = list;
  const buttons = html`${actions}${csv && list.rows.length > 0 && html`<button type="button" class="button button-quiet" onClick=${() => saveCsv(csv, columns.filter((column) => column.title), list.rows)}><${Icon} name="download" /> CSV</button>
    <${PrintButton} />`}`;
  return html`<${Card} title=${title} id=${id} actions=${buttons} aria-busy=${resource.status === "loading" ? "true" : undefined} data-freshness=${resource.status}>
    ${filters && html`<div class="filters panel-body">${filters}</div>`}
    <${Fresh} resource=${resource}>${() => html`
      <${Table} columns=${columns} rows=${list.rows} rowId=${rowId} caption=${title} empty=${empty} rowProps=${rowProps} />
      ${list.hasMore && html`<div class="table-foot"><button type="button" class="button" aria-busy=${list.busy ? "true" : undefined} onClick=${list.more}>${t("Show more")}</button></div>`}
      ${children}`}</${Fresh}>
  </${Card}>`;
}
