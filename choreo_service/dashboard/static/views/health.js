// Health: why the word is what it is, where things go, and everything that comes in.

import { age, card, el, row, rows, say, shape, table } from "../dom.js";
import { run } from "../errands.js";
import { now, on } from "../link.js";

const POLL_MS = 500;
const ROWS = 60;
const SAMPLE = ["age", "source", "stream", "values"];
const LEVELS = { ok: "good", warn: "warn", fail: "bad" };
const WORDS = { ok: "fine", warn: "to know", fail: "to mend" };
const RANK = { ok: 0, warn: 1, fail: 2 };

export function view(main) {
  const word = el("strong");
  const mark = el("span");
  const why = el("ul", { class: "why" });
  const bridges = el("div", { class: "cards" });
  const filter = el("input", { type: "search", placeholder: "filter: source or stream", "aria-label": "Filter the incoming samples" });
  const body = rows();
  main.append(el("h1", {}, "Health"), el("div", { class: "grid" },
    card("Now", el("p", { class: "row" }, mark, word), why),
    bridges,
    machine(),
    card("Incoming", el("div", { class: "row" }, filter, el("a", { href: "/metrics" }, "metrics for Prometheus"), el("a", { href: "/healthz" }, "healthz")),
      table("Incoming samples", SAMPLE, body))));
  let level = "";
  let told = "";
  const stop = on("state", (state) => {
    if (level !== state.health.level) mark.replaceChildren(shape(state.health.level));
    level = state.health.level;
    say(word, state.health.word);
    const reasons = state.health.why.length ? state.health.why : ["nothing to complain of"];
    const key = JSON.stringify([reasons, state.bridges]);
    if (key === told) return;
    told = key;
    why.replaceChildren(...reasons.map((reason) => el("li", {}, reason)));
    bridges.replaceChildren(...state.bridges.map(bridge));
  });
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch("/api/incoming").catch(() => null);
    if (answer?.ok) fill(body, await answer.json(), filter.value.trim().toLowerCase());
  }, POLL_MS);
  return () => { stop(); clearInterval(timer); };
}

/** What `choreo doctor` says of this machine, beside the running show. */
function machine() {
  const told = el("span", { class: "hint", role: "status" });
  const list = el("ul", { class: "findings" });
  const button = el("button", { type: "button", onclick: examine }, "Examine");
  async function examine() {
    button.disabled = true;
    const ended = await run({ kind: "doctor" }, () => say(told, "examining … some seconds; the show goes on"));
    button.disabled = false;
    if (ended.state !== "done") return say(told, `⚠ ${ended.said}`);
    const { ok, findings } = await (await fetch(`/api/errands/${ended.id}/answer`)).json();
    say(told, ok ? "nothing has to be mended" : "something must be mended before playing");
    return list.replaceChildren(...findings.sort((a, b) => RANK[b.status] - RANK[a.status]).map(finding));
  }
  return card("This machine", el("div", { class: "row" }, now.hello?.may_steer === false ? null : button, told), list,
    el("p", { class: "hint" }, "The same in a terminal: ", el("code", {}, "choreo doctor"), " · for somebody who helps: ", el("code", {}, "choreo support-bundle")));
}

function finding({ name, status, found, fix }) {
  return el("li", { "data-level": LEVELS[status] }, shape(LEVELS[status]), el("strong", {}, name, el("span", { class: "hidden" }, `: ${WORDS[status]}`)), el("span", { class: "found" }, found),
    fix && el("span", { class: "fix" }, "→ ", el("code", {}, fix)));
}

function bridge({ name, state, supervised, detail, target, reason, hint, ...counts }) {
  const numbers = Object.entries(counts).filter(([, value]) => typeof value === "number");
  return card(name, el("p", {}, el("strong", {}, state || supervised), ` ${[detail, target].filter(Boolean).join(" · ")}`),
    reason && el("p", {}, `⚠ ${reason}`), hint && el("p", { class: "hint" }, hint.replaceAll("{name}", name)),
    el("p", { class: "soft num" }, numbers.map(([key, value]) => `${key} ${value}`).join(" · ")));
}

function fill(body, samples, wanted) {
  const found = samples.filter(({ source, stream }) => `${source} ${stream}`.toLowerCase().includes(wanted)).slice(0, ROWS);
  body.replaceChildren(...(found.length ? found : [{ source: "nothing", stream: "", values: [], age_ms: null }]).map(({ age_ms, source, stream, values }) => row(SAMPLE, [age(age_ms), source, stream, values.join("  ")], -1)));
}
