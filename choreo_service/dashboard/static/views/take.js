// One take: scrubbed, tagged, exported, and judged by its groove report.

import { card, el, say } from "../dom.js";
import { run } from "../errands.js";
import { now } from "../link.js";
import { toast } from "../verbs.js";

const HEIGHT = 220;
const WIDEST = 4000;
const FORMS = [["csv", "CSV", "tables for a spreadsheet, in one zip"], ["midi", "MIDI", "the controls on the show’s own beats"], ["xdf", "XDF", "for a laboratory (LSL)"]];

export function clock(s) {
  if (s === null) return "–";
  const tenths = Math.round(10 * s);
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, "0")}${minutes ? "" : `.${rest % 10}`}`;
}

/** One take: its curves, and what can be done with it. `changed` is called when its row in the list has to be drawn anew. */
export class Panel {
  constructor(take, zoom, changed) {
    this.name = take.name;
    this.zoom = zoom;
    this.told = el("p", { class: "hint num" }, "reading …");
    this.boxes = [el("div", { class: "chart" }), el("div", { class: "chart" })];
    this.plots = [];
    const all = el("button", { type: "button", class: "small", onclick: () => zoom(0, null) }, "whole take");
    const closer = el("button", { type: "button", class: "small", onclick: () => this.half() }, "closer");
    this.node = card("", el("div", { class: "row" }, all, closer, this.told), this.boxes,
      el("p", { class: "hint" }, "Drag over the curves to look closer. The same ticks again: ", el("code", {}, `choreo replay recordings/${take.name}`)),
      now.hello.may_steer && [tags(take, changed), exports(take), report(take)]);
    this.node.setAttribute("aria-label", take.name);
    this.node.firstChild.replaceWith(el("h3", {}, take.name)); // a name, as it is written
    this.resizing = new ResizeObserver(() => this.plots.forEach((plot) => plot.setSize({ width: width(plot.root.parentNode), height: HEIGHT })));
    this.boxes.forEach((box) => this.resizing.observe(box));
  }

  half() {
    const { from, to } = this.span;
    this.zoom(from + (to - from) / 4, to - (to - from) / 4);
  }

  async fetch({ from, to }) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const started = performance.now();
    const query = new URLSearchParams({ from, points: Math.min(WIDEST, 2 * (this.boxes[0].clientWidth || 600)), performer: now.performer });
    if (to !== null) query.set("to", to);
    const answer = await fetch(`/api/takes/${encodeURIComponent(this.name)}?${query}`);
    if (turn !== this.turn || this.closed) return;
    if (!answer.ok) { this.told.textContent = `⚠ ${(await answer.text()).trim()}`; return; }
    const { t, columns, duration_s } = decode(await answer.arrayBuffer());
    this.span = { from, to: to ?? duration_s };
    this.draw(t, columns);
    if (!t.length) { this.told.textContent = `nothing here: the take ends at ${clock(duration_s)}`; return; }
    this.told.textContent = `${clock(this.span.from)} to ${clock(this.span.to)} of ${clock(duration_s)} · read in ${Math.round(performance.now() - started)} ms`;
  }

  draw(t, columns) {
    const ink = getComputedStyle(document.documentElement);
    const controls = now.hello.controls.filter(({ name }) => columns.has(name)).map(({ name }) => [name, ink.getPropertyValue(`--${name}`)]);
    const features = ["motion_energy", "hr"].filter((name) => columns.has(name)).map((name) => [name, ink.getPropertyValue(name === "hr" ? "--heart" : "--motion")]);
    this.plots.forEach((plot) => plot.destroy());
    this.boxes[0].hidden = !controls.length;
    this.boxes[1].hidden = !features.length;
    this.plots = [[controls, this.boxes[0]], [features, this.boxes[1]]].filter(([lines]) => lines.length).map(([lines, box]) => this.plot(box, t, columns, lines, ink));
  }

  plot(box, t, columns, lines, ink) {
    const axis = { stroke: ink.getPropertyValue("--soft"), grid: { stroke: ink.getPropertyValue("--rule"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const shared = now.hello.controls.some(({ name }) => name === lines[0][0]); // controls share a scale, features have units of their own
    const scale = (name) => (shared ? "y" : name);
    return new globalThis.uPlot({
      width: width(box),
      height: HEIGHT,
      scales: { x: { time: false } },
      cursor: { drag: { x: true, y: false, setScale: false } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map(clock) }, ...(shared ? [{ ...axis, size: 44 }] : lines.map(([name, stroke], i) => ({ ...axis, stroke, scale: name, size: 44, side: i ? 1 : 3, grid: { show: !i } })))],
      series: [{ label: "at", value: (_, v) => (v === null ? "–" : clock(v)) }, ...lines.map(([name, stroke]) => ({ label: name, stroke, width: 1.5, scale: scale(name), points: { show: false } }))],
      hooks: { setSelect: [(plot) => { if (plot.select.width > 4) this.zoom(Math.max(0, plot.posToVal(plot.select.left, "x")), plot.posToVal(plot.select.left + plot.select.width, "x")); }] },
    }, [t, ...lines.map(([name]) => columns.get(name))], box);
  }

  close() {
    this.closed = true;
    this.resizing.disconnect();
    this.plots.forEach((plot) => plot.destroy());
    this.node.remove();
  }
}

const width = (box) => Math.max(200, box.clientWidth);

/** u32 length of the JSON header, the header, then float32 columns, t first; NaN means absent. */
function decode(data) {
  const length = new DataView(data).getUint32(0, true);
  const { columns, rows, duration_s } = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const floats = new Float32Array(data.slice(4 + length));
  const column = (i) => Array.from(floats.subarray(i * rows, (i + 1) * rows), (v) => (Number.isNaN(v) ? null : v));
  return { t: column(0), columns: new Map(columns.map((name, i) => [name, column(i + 1)])), duration_s };
}

/** Tags are words: they find the take again, here and in `choreo takes --tag`. */
function tags(take, changed) {
  const input = el("input", { type: "text", value: take.tags.join(" "), placeholder: "berlin premiere", "aria-label": `tags of ${take.name}`, spellcheck: "false" });
  const keep = async () => {
    const answer = await fetch(`/api/takes/${encodeURIComponent(take.name)}/tags`, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ tags: input.value.split(/[\s,]+/).filter(Boolean) }) }).catch(() => null);
    if (!answer?.ok) return toast(`tags not kept: ${answer ? (await answer.text()).trim() : "no connection to choreo"}`, false);
    take.tags = (await answer.json()).tags;
    input.value = take.tags.join(" ");
    changed();
    return toast("tags kept ✓");
  };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") keep(); });
  return el("div", { class: "row" }, el("span", { class: "label" }, "Tags"), input, el("button", { type: "button", class: "small", onclick: keep }, "Keep"));
}

function exports(take) {
  const told = el("span", { class: "hint", role: "status" });
  const write = async (form) => {
    const ended = await run({ kind: "export", take: take.name, form }, () => say(told, "writing …"));
    if (ended.state !== "done") return say(told, `⚠ ${ended.said}`);
    const link = el("a", { href: `/api/errands/${ended.id}/file`, download: ended.file }, ended.file);
    told.replaceChildren("written: ", link);
    return link.click();
  };
  return el("div", { class: "row" }, el("span", { class: "label" }, "Take away"),
    FORMS.map(([form, name, about]) => el("button", { type: "button", class: "small", title: about, onclick: () => write(form) }, name)), told);
}

/** Does the music follow the body? The report is a page of its own, without scripts, shown in a frame. */
function report(take) {
  const told = el("span", { class: "hint", role: "status" });
  const box = el("div");
  const address = `/api/takes/${encodeURIComponent(take.name)}/report?performer=${now.performer}`;
  const open = () => {
    box.replaceChildren(el("iframe", { class: "report", sandbox: true, src: address, title: `groove report of ${take.name}` }));
    box.scrollIntoView({ block: "nearest" });
  };
  const make = async () => {
    const ended = await run({ kind: "report", take: take.name, performer: now.performer }, ({ said }) => say(told, said ? `measuring … ${said.split("\n").pop()}` : "measuring … a minute or so; the show goes on"));
    say(told, ended.state === "done" ? "measured just now" : `⚠ ${ended.said}`);
    if (ended.state === "done") open();
  };
  return el("div", {}, el("div", { class: "row" }, el("span", { class: "label" }, "Groove report"),
    take.report && el("button", { type: "button", class: "small", onclick: open }, "Show"),
    el("button", { type: "button", class: "small", onclick: make }, take.report ? "Measure anew" : "Measure"), told), box);
}
