// Health: why the word is what it is, where things go, and everything that comes in.

import { age, card, el, say, shape } from "../dom.js";
import { on } from "../link.js";

const POLL_MS = 500;
const ROWS = 60;

export function view(main) {
  const word = el("strong");
  const mark = el("span");
  const why = el("ul", { class: "why" });
  const bridges = el("div", { class: "cards" });
  const filter = el("input", { type: "search", placeholder: "filter: source or stream", "aria-label": "Filter the incoming samples" });
  const body = el("tbody");
  main.append(el("h1", {}, "Health"), el("div", { class: "grid" },
    card("Now", el("p", { class: "row" }, mark, word), why),
    bridges,
    card("Incoming", el("div", { class: "row" }, filter, el("a", { href: "/metrics" }, "metrics for Prometheus"), el("a", { href: "/healthz" }, "healthz")),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Incoming samples" }, el("table", {}, el("thead", {}, el("tr", {}, ["age", "source", "stream", "values"].map((head) => el("th", { scope: "col" }, head)))), body)))));
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

function bridge({ name, state, supervised, detail, target, reason, hint, ...counts }) {
  const numbers = Object.entries(counts).filter(([, value]) => typeof value === "number");
  return card(name, el("p", {}, el("strong", {}, state || supervised), ` ${[detail, target].filter(Boolean).join(" · ")}`),
    reason && el("p", {}, `⚠ ${reason}`), hint && el("p", { class: "hint" }, hint.replaceAll("{name}", name)),
    el("p", { class: "soft num" }, numbers.map(([key, value]) => `${key} ${value}`).join(" · ")));
}

function fill(body, samples, wanted) {
  const rows = samples.filter(({ source, stream }) => `${source} ${stream}`.toLowerCase().includes(wanted)).slice(0, ROWS);
  body.replaceChildren(...(rows.length ? rows : [{ source: "nothing", stream: "", values: [], age_ms: null }]).map(({ age_ms, source, stream, values }) => el("tr", {}, [age(age_ms), source, stream, values.join("  ")].map((cell) => el("td", { class: "num" }, cell)))));
}
