// Takes: what was recorded, found again by its tags; one looked at closely, or two beside each other.

import { load } from "../chart.js";
import { card, el, row, rows, table } from "../dom.js";
import { on } from "../link.js";
import { clock, Panel } from "./take.js";

const COMING_MS = 1500; // between two looks at recordings that become takes
const HEAD = ["", "take", "made", "by", "length", "motion", "heart", "size", "tags"];

export function view(main) {
  const list = rows();
  const filter = el("input", { type: "search", placeholder: "filter: name, source, tag", "aria-label": "Filter the takes" });
  const panels = el("div", { class: "grid" });
  main.append(el("h1", {}, "Takes"), el("div", { class: "grid" },
    card("Recorded", el("div", { class: "row" }, filter, el("span", { class: "hint" }, "Choose one, or two to compare.")),
      table("Takes", HEAD, list)),
    panels));
  const shown = new Map(); // name -> panel
  let takes = [];
  list.append(whole("Looking through the recordings …"));
  const span = { from: 0, to: null };
  const zoom = (from, to) => { Object.assign(span, { from, to }); for (const panel of shown.values()) panel.fetch(span); };
  const draw = () => {
    const wanted = filter.value.trim().toLowerCase();
    const found = takes.filter((take) => [take.name, take.source, ...(take.tags ?? [])].join(" ").toLowerCase().includes(wanted));
    list.replaceChildren(...(found.length ? found.map((take) => line(take, shown.has(take.name), choose)) : [whole(takes.length ? "No take is called so." : "No takes yet: press R to record one; choreo-lab import brings recordings of other programs.")]));
  };
  async function choose(take) {
    const { name } = take;
    if (shown.has(name)) { shown.get(name).close(); shown.delete(name); }
    else {
      while (shown.size >= 2) { const [first] = shown.keys(); shown.get(first).close(); shown.delete(first); }
      await load();
      const made = new Panel(take, zoom, draw);
      shown.set(name, made);
      panels.append(made.node);
      made.fetch(span);
    }
    if (!shown.size) Object.assign(span, { from: 0, to: null });
    draw();
  }
  filter.addEventListener("input", draw);
  let closed = false;
  async function read() {
    const answer = await fetch("/api/takes").catch(() => null);
    if (closed || !answer) return undefined;
    if (!answer.ok) {
      list.replaceChildren(whole(`⚠ ${(await answer.text()).trim()}; looking again …`));
      return setTimeout(read, COMING_MS);
    }
    takes = await answer.json();
    if (takes.some((take) => take.coming)) setTimeout(read, COMING_MS);
    return draw();
  }
  let recording = "";
  const stops = [on("hello", read), on("state", (state) => {
    const told = state.recording?.state ?? "";
    if (told !== recording && recording) read();
    recording = told;
  })];
  return () => { closed = true; stops.forEach((stop) => stop()); for (const panel of shown.values()) panel.close(); };
}

const whole = (text) => el("tr", { role: "row" }, el("td", { role: "cell", colspan: HEAD.length }, text));

function line(take, on_show, choose) {
  const box = el("input", { type: "checkbox", checked: on_show, disabled: !!take.problem, "aria-label": `show ${take.name}`, onchange: () => choose(take) });
  const share = (modality) => (take.coverage?.[modality] === null || take.coverage?.[modality] === undefined ? "–" : `${Math.round(100 * take.coverage[modality])} %`);
  const found = take.problem ? [el("span", {}, `⚠ ${take.problem}`)]
    : [take.created.replace("T", " ").slice(0, 16), take.source, clock(take.duration_s), share("motion"), share("heart"), `${(take.bytes / 1e6).toFixed(1)} MB`, take.tags.map((tag) => el("span", { class: "tag" }, tag))];
  const made = row(take.problem ? [] : HEAD, [box, take.name, ...found], 1);
  if (take.problem) made.lastChild.setAttribute("colspan", HEAD.length - 2);
  return made;
}
