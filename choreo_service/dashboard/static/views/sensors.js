// Sensors: what is listened to, whether it arrives, and what to do where it doesn't.

import { age, card, el, row, rows, say, svg, table } from "../dom.js";
import { now, on } from "../link.js";
import { send, toast } from "../verbs.js";

export function view(main) {
  const cards = el("div", { class: "cards" });
  const body = calibrate();
  const phones = el("div", { class: "grid" });
  const lessons = el("div", { class: "grid" });
  const learning = new Map(); // sensor -> its Lesson
  main.append(el("h1", {}, "Sensors"),
    el("div", { class: "grid" },
      card("Range", el("p", { class: "hint" }, "choreo learns each body’s own range while it moves. Someone else steps in, or it started on a wrong foot? Learn anew; the music cross-fades."),
        el("div", { class: "row" }, el("button", { type: "button", onclick: () => send("recalibrate", {}, "learn the range anew") }, "Learn the range anew"))),
      body.node,
      cards,
      lessons,
      phones));
  invite_phones(phones);
  const tablet = el("div");
  main.lastChild.append(card("A tablet", tablet));
  invite(tablet);
  let shown = "";
  return on("state", ({ sensors, calibration }) => {
    body.tell(calibration);
    for (const sensor of sensors) {
      if (!Object.keys(sensor.unknown_addresses ?? {}).length) continue;
      if (!learning.has(sensor.name)) { learning.set(sensor.name, new Lesson(sensor.name)); lessons.append(learning.get(sensor.name).node); }
      learning.get(sensor.name).tell(sensor);
    }
    const key = JSON.stringify(sensors);
    if (key === shown) return;
    shown = key;
    cards.replaceChildren(...(sensors.length ? sensors.map(one) : [el("p", {}, "No sensor in this configuration.")]));
  });
}

function one(sensor) {
  const { name, supervised, state, detail, target, reason, hint, sources } = sensor;
  const arriving = sources.some((source) => source.hz > 0);
  const word = state || (supervised === "down" ? "down" : arriving ? "receiving" : "waiting");
  return card(name,
    el("p", {}, el("strong", {}, `${arriving ? "●" : supervised === "down" ? "✕" : "○"} ${word}`), ` ${[detail, target].filter(Boolean).join(" · ")}`),
    reason && el("p", {}, `⚠ ${reason}`),
    hint && el("p", { class: "hint" }, hint.replaceAll("{name}", name)),
    sources.length ? arrived(sources) : el("p", { class: "hint" }, "Nothing has arrived yet."));
}

const SOURCE = ["source", "per second", "last", "accepted", "refused"];
const ADDRESS = ["address", "heard", "newest values"];

function arrived(sources) {
  const refused = (causes) => Object.entries(causes).map(([cause, n]) => `${n} ${cause}`).join(", ") || "none";
  return table("Sources", SOURCE, rows(sources.map((source) => row(SOURCE, [source.name, source.hz.toFixed(0), age(source.age_ms), String(source.accepted), refused(source.refused)]))));
}

/** The guided minute: what `choreo calibrate body` asks for, while the show plays on. */
function calibrate() {
  const name = el("input", { type: "text", placeholder: "anna", "aria-label": "name of the body", maxlength: 40, spellcheck: "false", autocapitalize: "none" });
  const told = el("p", { class: "guide", role: "status" });
  const bar = el("progress", { max: 1, value: 0, hidden: true, "aria-label": "of this part" });
  const ask = async (method, words) => {
    const answer = await fetch("/api/calibration", { method, headers: { "Content-Type": "application/json" }, body: words && JSON.stringify(words) }).catch(() => null);
    if (!answer?.ok) toast(answer ? (await answer.text()).trim() : "no connection to choreo", false);
  };
  const again = el("input", { type: "checkbox" });
  const start = el("button", { type: "button", onclick: () => ask("POST", { name: name.value.trim(), performer: now.performer, replace: again.checked }) }, "Begin");
  const stop = el("button", { type: "button", hidden: true, onclick: () => ask("DELETE") }, "Cancel");
  const node = card("A body of its own", el("p", { class: "hint" }, "Stand still, move normally, move fully: a minute, as you are told. From the next start on choreo knows this body from the first second."),
    el("div", { class: "row" }, name, el("label", {}, again, " write over it"), start, stop), told, bar);
  let whole = 0;
  let at = 0;
  const tell = (calibration) => {
    node.hidden = !calibration;
    if (!calibration) return;
    const { state, phase, at: part, of, left_s, said, fix } = calibration;
    const busy = ["waiting", "guiding", "measuring"].includes(state);
    if (part !== at) { at = part; whole = left_s; }
    start.hidden = busy;
    stop.hidden = !busy;
    bar.hidden = state !== "guiding";
    bar.value = whole ? 1 - left_s / whole : 0;
    const words = { waiting: "waiting for the first sample …", guiding: `${part} of ${of}: ${phase} · ${Math.ceil(left_s)} s`, measuring: "measuring …", done: `✓ ${said}`, failed: `⚠ ${said}${fix ? `: ${fix}` : ""}` };
    say(told, words[state] ?? said);
  };
  return { node, tell };
}

/** Addresses no layout knows: what they bring, and what the configuration might say about them. Rows are written in place:
 * a text that is being copied must not be replaced twice a second. */
class Lesson {
  constructor(name) {
    this.name = name;
    this.rows = new Map(); // address -> cells
    this.body = rows();
    this.paste = el("pre", { tabindex: "0", "aria-label": "mapping to paste" });
    this.offer = el("div", { hidden: true },
      el("p", { class: "hint" }, "What they seem to be. Paste it into your configuration, correct it, and start choreo again:"), this.paste,
      el("button", { type: "button", class: "small", onclick: () => this.copy() }, "Copy"));
    this.node = card(`Learn: ${name}`, el("p", { class: "hint" }, "These addresses arrive and no layout knows them. Move the phone: which numbers answer?"),
      table("Unknown addresses", ADDRESS, this.body), this.offer);
  }

  tell({ unknown_addresses: addresses, unknown_counts: counts = {}, suggested_map: guess = {} }) {
    for (const [address, values] of Object.entries(addresses)) {
      if (!this.rows.has(address)) {
        const line = row(ADDRESS, [address, "", ""]);
        this.rows.set(address, [...line.children].slice(1));
        this.body.append(line);
      }
      const [count, newest] = this.rows.get(address);
      say(count, String(counts[address] ?? ""));
      say(newest, values.map((value) => Number(value.toPrecision(4))).join("  "));
    }
    const entries = Object.entries(guess).map(([address, entry]) => `      ${JSON.stringify(address)}: ${JSON.stringify(entry)}`);
    this.offer.hidden = !entries.length;
    say(this.paste, ["sensors:", `  ${this.name}:`, "    map:", ...entries].join("\n"));
  }

  async copy() {
    getSelection().selectAllChildren(this.paste); // where a page may not write the clipboard, Ctrl-C does
    const done = await navigator.clipboard?.writeText(this.paste.textContent).then(() => true, () => false);
    toast(done ? "copied ✓" : "selected: press Ctrl-C");
  }
}

/** For each sensor that hears phones: where to send, a code, and the steps of each app. */
async function invite_phones(box) {
  const answer = await fetch("/api/phones").catch(() => null);
  const found = answer?.ok ? await answer.json() : [];
  box.append(...(found.length ? found.map(phone) : [card("A phone", el("p", { class: "hint" }, "No sensor of this show hears phones. In a terminal:"), el("pre", { tabindex: "0" }, "choreo phone"))]));
}

function phone({ sensor, host, port, heard, link, modules, apps }) {
  const start = `choreo run -o sensors.${sensor}.host=${host}`;
  return card(`A phone for ${sensor}`,
    host ? el("p", {}, "Send OSC by UDP to host ", el("code", {}, host), " port ", el("code", {}, String(port)), ". Phone and computer in one network; keep the app in front.") : el("p", {}, "⚠ This machine is in no network: join the phone’s Wi-Fi, or share the phone’s own."),
    host && !heard && el("p", {}, "⚠ This show hears this machine only. Start it so: ", el("code", {}, start)),
    modules.length ? el("div", { class: "row" }, qr(modules, `QR code of ${link}`), el("p", { class: "hint" }, "CoMote scans this; any other camera shows the address.")) : null,
    apps.map(({ app, steps }) => el("details", {}, el("summary", {}, app), el("ol", {}, steps.map((step) => el("li", {}, step))))));
}

/** Black on white, four modules of quiet around it. */
function qr(modules, label) {
  const dark = modules.flatMap((row, y) => [...row].map((bit, x) => (bit === "1" ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  const size = modules.length + 8;
  return svg("svg", { viewBox: `0 0 ${size} ${size}`, width: 220, height: 220, role: "img", "aria-label": label }, svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: dark, fill: "#000" }));
}

/** The address for another screen of the network, to be scanned; who only looks isn't shown the token. */
async function invite(box) {
  const answer = await fetch("/api/invitation").catch(() => null);
  const { address = "", modules = [] } = answer?.ok ? await answer.json() : {};
  if (!address) {
    box.append(el("p", { class: "hint" }, "Another screen of the network may look at this page with a token; with a PIN it may steer:"), el("pre", { tabindex: "0" }, "choreo run --lan -o dashboard.pin=4711"));
    return;
  }
  box.append(el("p", { class: "hint" }, "Scan it on a tablet or phone of the same network: it may look; with the PIN it may steer."),
    qr(modules, "QR code of the address"),
    el("p", {}, el("code", {}, address)));
}
