// Config: every key in effect, where it came from, and what a change would look like in your file; then it is written there.

import { card, el, say } from "../dom.js";
import { on } from "../link.js";
import { send, toast } from "../verbs.js";

const CHECK_MS = 300;

export function view(main) {
  const filter = el("input", { type: "search", placeholder: "filter: key or meaning", "aria-label": "Filter the keys" });
  const again = el("button", { type: "button", onclick: () => send("reload", {}, "reading the files again") }, "Read the files again");
  const keys = el("div", { class: "grid" });
  const told = el("div", { "aria-live": "polite" }, el("p", { class: "hint" }, "Change a value below: here stands then what differs, whether it is allowed, and what to write."));
  const change_card = card("Your changes", told);
  const look = el("button", { type: "button", class: "look", hidden: true, onclick: () => change_card.scrollIntoView() }); // the value edited is far below
  main.append(el("h1", {}, "Config"), el("div", { class: "grid" }, change_card, card("In effect", el("div", { class: "row" }, filter, again)), keys, look));
  const changes = new Map();
  let rows = [];
  let timer = 0;
  let turn = 0;
  const change = (row, value) => {
    if (value === row.value) changes.delete(row.key);
    else changes.set(row.key, value);
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_MS);
  };
  async function check() {
    const mine = ++turn;
    told.prepend(el("p", { class: "hint" }, "Judging as the start would …"));
    const answer = await post("/api/config", { changes: Object.fromEntries(changes) });
    if (mine !== turn) return;
    if (!answer.ok) { told.replaceChildren(el("p", {}, `⚠ ${(await answer.text()).trim()}`)); return; }
    const { problems, yaml, options, apply } = await answer.json();
    look.hidden = !changes.size;
    say(look, `${changes.size} changed, ${problems.length || "none"} not allowed: look`);
    const wrong = new Set(problems.map(({ key }) => key));
    for (const input of keys.querySelectorAll("[aria-label]")) input.setAttribute("aria-invalid", String(wrong.has(input.getAttribute("aria-label"))));
    const before = new Map(rows.map((row) => [row.key, row.value]));
    told.replaceChildren(
      el("ul", { class: "log diff" }, [...changes].map(([key, value]) => el("li", {}, el("code", {}, key), el("span", {}, `${JSON.stringify(before.get(key))} → ${JSON.stringify(value)}`)))),
      ...problems.map(({ problem, fix }) => el("p", {}, `⚠ ${problem}`, fix && el("span", { class: "hint" }, ` → ${fix}`))),
      ...(apply ? (apply.refused ? [refusal(apply)] : draft(apply, () => write(apply.version))) : []),
      ...(yaml ? [el("p", { class: "hint" }, "To write it by hand (choreo run -c my.yaml):"), el("pre", { tabindex: "0" }, yaml), el("p", { class: "hint" }, "Or for one run:"), el("pre", { tabindex: "0" }, `choreo run ${options.join(" ")}`)] : []));
    if (!changes.size) told.replaceChildren(el("p", { class: "hint" }, "No changes."));
  }
  async function write(version) {
    const answer = await post("/api/config/apply", { changes: Object.fromEntries(changes), version });
    const found = answer.headers.get("Content-Type").startsWith("application/json") ? await answer.json() : { refused: (await answer.text()).trim() };
    turn++; // what was asked before is answered too late
    if (found.refused) { toast(`not written: ${found.refused}`, false); told.prepend(refusal(found)); return; }
    changes.clear();
    look.hidden = true;
    toast(`${found.file} written ✓`);
    told.replaceChildren(el("p", {}, `Written into ${found.file}.`, found.backup ? ` What it held before: ${found.backup}` : ""), ...moments(found));
  }
  const read = async () => {
    const answer = await fetch("/api/config");
    if (!answer.ok) { keys.replaceChildren(el("p", {}, (await answer.text()).trim())); return; }
    rows = await answer.json();
    draw();
  };
  const draw = () => {
    const wanted = filter.value.trim().toLowerCase();
    const shown = rows.filter(({ key, about }) => `${key} ${about}`.toLowerCase().includes(wanted));
    const groups = Map.groupBy ? Map.groupBy(shown, section) : shown.reduce((all, row) => all.set(section(row), [...(all.get(section(row)) ?? []), row]), new Map());
    keys.replaceChildren(...[...groups].map(([name, of]) => card(name, el("div", { class: "keys-list" }, of.map((row) => line(row, changes.has(row.key) ? changes.get(row.key) : row.value, change))))));
  };
  filter.addEventListener("input", draw);
  const stops = [on("hello", read), on("event", ({ kind, level }) => { if (kind === "config" && level === "info" && !changes.size) read(); })];
  return () => { stops.forEach((stop) => stop()); clearTimeout(timer); };
}

const post = (path, words) => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(words) });

const refusal = ({ refused, fix }) => el("p", { class: "lines" }, `⚠ Not written from here: ${refused}${fix ? ` (${fix})` : ""}`);

/** What would be written, and the button that does. */
const draft = (apply, write) => [
  el("p", { class: "hint" }, apply.new ? `In ${apply.file}, a new file:` : `In ${apply.file}:`),
  el("pre", { tabindex: "0", class: "patch" }, apply.diff),
  ...moments(apply),
  el("button", { type: "button", onclick: write }, `Write into ${apply.file} and reload`),
];

const moments = ({ now, later }) => [["At once: ", now], ["From the next start on: ", later]].filter(([, of]) => of.length).map(([when, of]) => el("p", {}, when, el("code", {}, of.join(", "))));

const section = ({ key }) => { const parts = key.split("."); return ["sensors", "bridges", "doors"].includes(parts[0]) ? parts.slice(0, 2).join(".") : parts.length > 1 ? parts[0] : "top"; };

function line(row, value, change) {
  return el("div", { class: "key" }, el("div", {}, el("code", {}, row.key), el("p", { class: "hint" }, row.about.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part)))),
    field(row, value, change), el("p", { class: "hint" }, `${row.accepts} · from ${row.origin}`));
}

function field(row, value, change) {
  const label = { "aria-label": row.key };
  if (row.kind === "choice") return el("select", { ...label, onchange: (event) => change(row, event.target.value) }, row.choices.map((choice) => el("option", { value: choice, selected: choice === value }, choice)));
  if (row.kind === "boolean") return el("input", { ...label, type: "checkbox", checked: value, onchange: (event) => change(row, event.target.checked) });
  if (row.kind === "other") return el("code", {}, JSON.stringify(value));
  const number = row.kind !== "string";
  return el("input", { ...label, type: "text", inputmode: number ? "decimal" : null, value: value ?? "", onchange: ({ target }) => change(row, number && target.value.trim() !== "" && Number.isFinite(Number(target.value)) ? Number(target.value) : target.value) });
}
