// The only way pages are built: elements and text, never HTML from outside.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

/** Write text only where it changed: a browser lays out again for every write. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function card(title, ...children) {
  return el("section", { class: "card", "aria-label": title }, el("h2", {}, title), ...children);
}

/** A table, and its rows one by one. Where the screen is narrow a row wraps, and each cell says what it is: CSS takes the
 *  table's layout away there, so that the roles are spelled out. */
export function table(label, heads, body) {
  return el("table", { class: "rows", role: "table", "aria-label": label },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads.map((head) => (head ? el("th", { role: "columnheader", scope: "col" }, head) : el("td", { role: "cell" }))))), body);
}

/** `heading` is the cell that names the row, if one does; texts are numbers mostly, nodes look as they like. */
export function row(heads, cells, heading = 0) {
  return el("tr", { role: "row" }, cells.map((cell, i) => (i === heading
    ? el("th", { role: "rowheader", scope: "row" }, cell)
    : el("td", { role: "cell", "data-head": heads[i], class: typeof cell === "string" ? "num" : null }, cell))));
}

export const rows = (of = []) => el("tbody", { role: "rowgroup" }, of);

/** The shape that goes with a level, so that colour is never alone. */
export function shape(level) {
  const paths = { good: "M50 5a45 45 0 1 0 .1 0z", warn: "M50 6 97 92H3z", bad: "M30 4h40l26 26v40L70 96H30L4 70V30z" };
  const marks = { good: "M28 52l16 16 30-34", warn: "M50 36v26M50 74v6", bad: "M32 32l36 36M68 32 32 68" };
  const path = svg("path", { d: paths[level] ?? paths.warn, fill: "currentColor" });
  const mark = svg("path", { d: marks[level] ?? marks.warn, fill: "none", class: "mark", "stroke-width": 11, "stroke-linecap": "round" });
  return svg("svg", { viewBox: "0 0 100 100", class: "shape", "aria-hidden": "true", width: 22, height: 22 }, path, mark);
}

const UNITS = { "0..1": "", "m/s^2": "m/s²", "m/s^3": "m/s³", cycles: "", "beat in bar": "" };

/** A unit as people read it; pure positions have none. */
export const unit_text = (unit) => UNITS[unit] ?? unit;

export const digits = (value, span) => (Number.isFinite(value) ? value.toFixed(span < 0.5 ? 3 : span > 10 ? 1 : 2) : "–");

export function age(ms) {
  if (ms === null || ms === undefined) return "never";
  if (ms < 1000) return `${ms} ms ago`;
  return ms < 90_000 ? `${(ms / 1000).toFixed(1)} s ago` : `${Math.round(ms / 60_000)} min ago`;
}
