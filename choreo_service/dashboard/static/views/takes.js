// Takes: what was recorded, looked at closely, and two beside each other.

import { load } from "../chart.js";
import { card, el } from "../dom.js";
import { now, on } from "../link.js";
import { toast } from "../verbs.js";

const HEIGHT = 220;
const WIDEST = 4000;

export function view(main) {
  const list = el("tbody");
  const filter = el("input", { type: "search", placeholder: "filter: name, source, tag", "aria-label": "Filter the takes" });
  const panels = el("div", { class: "grid" });
  const head = ["", "take", "made", "by", "length", "motion", "heart", "size"];
  main.append(el("h1", {}, "Takes"), el("div", { class: "grid" },
    card("Recorded", el("div", { class: "row" }, filter, el("span", { class: "hint" }, "Choose one, or two to compare.")),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Takes" }, el("table", {}, el("thead", {}, el("tr", {}, head.map((name) => el(name ? "th" : "td", name ? { scope: "col" } : {}, name)))), list))),
    panels));
  const shown = new Map(); // name -> panel
  let takes = [];
  const span = { from: 0, to: null };
  const zoom = (from, to) => { Object.assign(span, { from, to }); for (const panel of shown.values()) panel.fetch(span); };
  const draw = () => {
    const wanted = filter.value.trim().toLowerCase();
    const found = takes.filter((take) => [take.name, take.source, ...(take.tags ?? [])].join(" ").toLowerCase().includes(wanted));
    list.replaceChildren(...(found.length ? found.map((take) => row(take, shown.has(take.name), choose)) : [el("tr", {}, el("td", { colspan: head.length }, takes.length ? "No take is called so." : "No takes yet: choreo-lab import brings recordings of other programs, choreo-lab generate makes some."))]));
  };
  async function choose(name) {
    if (shown.has(name)) { shown.get(name).close(); shown.delete(name); }
    else {
      while (shown.size >= 2) { const [first] = shown.keys(); shown.get(first).close(); shown.delete(first); }
      await load();
      const made = new Panel(name, zoom);
      shown.set(name, made);
      panels.append(made.node);
      made.fetch(span);
    }
    if (!shown.size) Object.assign(span, { from: 0, to: null });
    draw();
  }
  filter.addEventListener("input", draw);
  const stop = on("hello", async () => {
    const answer = await fetch("/api/takes");
    if (!answer.ok) return toast(`takes: ${(await answer.text()).trim()}`, false);
    takes = await answer.json();
    return draw();
  });
  return () => { stop(); for (const panel of shown.values()) panel.close(); };
}

function row(take, on_show, choose) {
  const box = el("input", { type: "checkbox", checked: on_show, disabled: !!take.problem, "aria-label": `show ${take.name}`, onchange: () => choose(take.name) });
  const share = (modality) => (take.coverage?.[modality] === null || take.coverage?.[modality] === undefined ? "–" : `${Math.round(100 * take.coverage[modality])} %`);
  if (take.problem) return el("tr", {}, el("td", {}, box), el("th", { scope: "row" }, take.name), el("td", { colspan: 6 }, `⚠ ${take.problem}`));
  return el("tr", {}, el("td", {}, box), el("th", { scope: "row" }, take.name), [take.created.replace("T", " ").slice(0, 16), take.source, clock(take.duration_s), share("motion"), share("heart"), `${(take.bytes / 1e6).toFixed(1)} MB`].map((cell) => el("td", { class: "num" }, cell)));
}

function clock(s) {
  if (s === null) return "–";
  const tenths = Math.round(10 * s);
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, "0")}${minutes ? "" : `.${rest % 10}`}`;
}

class Panel {
  constructor(name, zoom) {
    this.name = name;
    this.zoom = zoom;
    this.told = el("p", { class: "hint num" }, "reading …");
    this.boxes = [el("div", { class: "chart" }), el("div", { class: "chart" })];
    this.plots = [];
    const all = el("button", { type: "button", class: "small", onclick: () => zoom(0, null) }, "whole take");
    const closer = el("button", { type: "button", class: "small", onclick: () => this.half() }, "closer");
    this.node = card("", el("div", { class: "row" }, all, closer, this.told), this.boxes,
      el("p", { class: "hint" }, "Drag over the curves to look closer. Does the music follow the body? ", el("code", {}, `choreo-lab report recordings/${name}`), " · the same ticks again: ", el("code", {}, `choreo replay recordings/${name}`)));
    this.node.setAttribute("aria-label", name);
    this.node.firstChild.replaceWith(el("h3", {}, name)); // a name, as it is written
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
      width: Math.max(200, box.clientWidth),
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
    this.plots.forEach((plot) => plot.destroy());
    this.node.remove();
  }
}

/** u32 length of the JSON header, the header, then float32 columns, t first; NaN means absent. */
function decode(data) {
  const length = new DataView(data).getUint32(0, true);
  const { columns, rows, duration_s } = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const floats = new Float32Array(data.slice(4 + length));
  const column = (i) => Array.from(floats.subarray(i * rows, (i + 1) * rows), (v) => (Number.isNaN(v) ? null : v));
  return { t: column(0), columns: new Map(columns.map((name, i) => [name, column(i + 1)])), duration_s };
}
