// Live: everything the performer wants to see while playing, and the guard actions.

import { load, Strip } from "../chart.js";
import { rows } from "../controls.js";
import { age, card, digits, el, say, unit_text } from "../dom.js";
import { now, on, show } from "../link.js";
import { listening, on_listening, toggle_sound } from "../listening.js";
import { ACTIONS, latched, lead, scene, send } from "../verbs.js";

const FLASH_MS = 140;
const DASHES = [[], [10, 3], [2, 3], [10, 3, 2, 3], [16, 4, 4, 4]];
const SHOWN = new Set(["motion_energy", "jerk", "symmetry", "hr", "context"]); // eleven at once are a thicket; the others are a click away
const SHAPES = { live: "●", held: "◐", recovering: "◔", missing: "○" };
const LOGGED = 40;
const SLIDERS = new Set(["manual", "shape"]);

export function view(main) {
  const page = el("div", { class: "grid live" }, el("h1", { class: "hidden" }, "Live"));
  main.append(page);
  let closing = [];
  const build = () => {
    closing.forEach((close) => close());
    page.replaceChildren(el("h1", { class: "hidden" }, "Live"));
    const [left, right] = [el("div", { class: "grid" }), el("div", { class: "grid" })];
    closing = [guards(page)];
    page.append(left, right);
    closing.push(controls(left), body(right), charts(left), clock(right), log(right));
  };
  const wait = el("p", { role: "status" }, "Waiting for choreo …");
  const stops = [on("hello", build), on("status", () => say(wait, now.refused || "Waiting for choreo …"))];
  if (!now.hello) page.append(wait);
  return () => { stops.forEach((stop) => stop()); closing.forEach((close) => close()); };
}

function guards(page) {
  const buttons = ACTIONS.map(([verb, label, key, is_on]) => {
    const button = el("button", { type: "button", class: verb === "panic" ? "danger" : "", "data-verb": verb, "aria-pressed": is_on ? "false" : null, title: now.hello.verbs[verb] ?? "", onclick: () => send(verb) }, `${label} `, el("kbd", {}, key));
    return { button, is_on };
  });
  const before = el("button", { type: "button", "aria-label": "Scene before", onclick: () => scene(-1) }, el("kbd", {}, "["));
  const after = el("button", { type: "button", "aria-label": "Scene after", onclick: () => scene(+1) }, el("kbd", {}, "]"));
  const name = el("span", { class: "soft" });
  const leads = el("select", { "aria-label": "Who leads the tempo (P)", onchange: () => lead(leads.value) }, now.hello.leaders.map((leader) => el("option", { value: leader }, `${leader} leads`)));
  const taking = el("span", { class: "soft num" });
  const sound = el("button", { type: "button", "aria-pressed": String(listening()), onclick: toggle_sound }, "Listen here ", el("kbd", {}, "A"));
  const who = now.hello.performers > 1 && el("select", { "aria-label": "Performer", onchange: (event) => show(Number(event.target.value)) }, Array.from({ length: now.hello.performers }, (_, i) => el("option", { value: i, selected: i === now.performer }, `Performer ${i + 1}`)));
  page.append(el("section", { class: "card wide row", "aria-label": "Guard actions" }, buttons.map((one) => one.button), before, name, after, leads, sound, who, taking));
  const stops = [
    on("state", () => {
      for (const { button, is_on } of buttons) if (is_on) button.setAttribute("aria-pressed", String(is_on()));
      const frozen = latched().frozen_s;
      if (now.state.leader && document.activeElement !== leads) leads.value = now.state.leader;
      say(taking, recording(now.state.recording));
      say(name, [now.state.scenes?.name, frozen === null ? "" : `frozen ${frozen.toFixed(0)} s`].filter(Boolean).join(" · ") || "scene");
    }),
    on_listening((is) => sound.setAttribute("aria-pressed", String(is))),
  ];
  return () => stops.forEach((stop) => stop());
}

/** A take is proved by its growing: time and size. */
function recording({ state, take, elapsed_s, bytes, minutes_left, reason } = {}) {
  if (state === "waiting") return "a take begins when all sensors are live";
  if (take === undefined) return "";
  const left = minutes_left === null ? "" : ` · ${minutes_left.toFixed(0)} min left`;
  return `${state === "recording" ? "●" : "■"} ${take} ${clock_time(elapsed_s)} · ${(bytes / 1e6).toFixed(1)} MB${left}${reason ? ` · ${reason}` : ""}`;
}

function controls(page) {
  const { node, close } = rows();
  page.append(card("Controls, as they are sent", node));
  return close;
}

function body(page) {
  const lights = now.hello.modalities.map(({ name }) => {
    const [word, line, share] = [el("strong"), el("span", { class: "num" }), el("span", { class: "num" })];
    const node = el("div", { class: "light" }, el("span", { class: "soft" }, name), word, line, share);
    return { name, node, word, line, share };
  });
  const beats = Array.from({ length: 4 }, () => el("i"));
  const hit = el("span", { class: "flash" }, "hit");
  const values = now.hello.features.map(({ name, unit }) => [el("dt", {}, name), el("dd", { class: "num" }), unit]);
  page.append(card("Body", el("div", { class: "lights" }, lights.map((light) => light.node)),
    el("div", { class: "beats", role: "img", "aria-label": "Beat in the bar, and hits" }, beats, hit),
    el("dl", { class: "facts", style: { "margin-top": ".7rem" } }, values.flatMap(([name, value]) => [name, value]))));
  let texts = 0;
  const stops = [
    on("state", ({ modalities }) => lights.forEach((light) => draw_light(light, modalities[now.performer]))),
    on("frame", ({ features }) => {
      if (document.hidden || performance.now() - texts < 120) return;
      texts = performance.now();
      values.forEach(([, value, unit], i) => say(value, `${digits(features[i], 1)} ${unit_text(unit)}`));
      const at = now.hello.features.findIndex(({ name }) => name === "beat_idx");
      beats.forEach((light, i) => light.classList.toggle("on", i === Math.round(features[at])));
    }),
    on("event", ({ kind }) => {
      if (kind !== "hit") return;
      hit.classList.add("on");
      setTimeout(() => hit.classList.remove("on"), FLASH_MS);
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

function draw_light({ name, node, word, line, share }, modalities) {
  const told = modalities?.[name];
  if (!told) return;
  node.dataset.state = told.state;
  say(word, `${SHAPES[told.state] ?? "●"} ${told.state.toUpperCase()}`);
  say(line, `${age(told.age_ms)}${told.hz ? ` · ${told.hz.toFixed(0)}/s` : ""}`);
  say(share, told.told_by_the_others ? "told by the others" : `${(100 * told.coverage).toFixed(1)} % of the show`);
}

function charts(page) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const boxes = ["The five controls", "Features, each by its own range"].map((what) => el("div", { class: "chart", role: "img", "aria-label": `${what}, over the last twenty seconds` }));
  const palette = now.hello.controls.map(({ name }) => colour(name)).concat(colour("beat"), colour("context"));
  const lines = [
    now.hello.controls.map(({ name }, i) => ({ label: name, stroke: colour(name), dash: DASHES[i] })),
    now.hello.features.map(({ name }, i) => ({ label: name, stroke: palette[i % palette.length], dash: DASHES[i % DASHES.length], show: SHOWN.has(name) })),
  ];
  let [strips, wanted, over] = [[], 0, false];
  const line = ({ stroke, dash }) => ({ style: { "--c": stroke, "--line": dash.length ? "dashed" : "solid" } });
  const legend = el("p", { class: "legend" }, lines[0].map((one) => el("span", line(one), one.label)));
  const choose = lines[1].map((one, i) => {
    const flip = () => { one.show = !one.show; button.setAttribute("aria-pressed", String(one.show)); strips[1]?.toggle(i, one.show); };
    const button = el("button", { type: "button", "aria-pressed": String(one.show), onclick: flip, ...line(one) }, one.label);
    return button;
  });
  page.append(card("Controls, 20 s", boxes[0], legend), card("Features, 20 s, each by its own range", boxes[1], el("div", { class: "legend", role: "group", "aria-label": "Features shown" }, choose)));
  load().then(() => { if (!over) strips = [new Strip(boxes[0], lines[0], { range: [0, 1] }), new Strip(boxes[1], lines[1])]; });
  const stop = on("frame", ({ t, controls: sent, features }) => {
    if (!strips.length) return;
    strips[0].push(t, sent.map((v, i) => (v - now.hello.controls[i].lo) / (now.hello.controls[i].hi - now.hello.controls[i].lo)));
    strips[1].push(t, features);
    if (document.hidden || wanted) return;
    wanted = requestAnimationFrame(() => { wanted = 0; strips.forEach((strip) => strip.draw()); });
  });
  return () => { over = true; stop(); cancelAnimationFrame(wanted); strips.forEach((strip) => strip.close()); };
}

function clock(page) {
  const names = ["tick", "late p50 / p99", "sample to controls", "engine", "skipped", "page, there and back", "frames this page missed", "plays"];
  const cells = names.map(() => el("dd", { class: "num" }));
  page.append(card("Clock and latency", el("dl", { class: "facts" }, names.flatMap((name, i) => [el("dt", {}, name), cells[i]]))));
  let [seq, missed] = [null, 0];
  const stops = [
    on("frame", (frame) => {
      const slots = seq === null ? 0 : frame.seq - seq;
      seq = frame.seq;
      missed += slots > 5 && !document.hidden ? 1 : 0;
    }),
    on("state", ({ hz, recent, skipped, mapper, period_ms }) => {
      const { late_ms, work_ms, latency_ms } = recent;
      const told = [`${hz.toFixed(2)} Hz of ${(1000 / period_ms).toFixed(0)}`, `${late_ms.p50.toFixed(1)} / ${late_ms.p99.toFixed(1)} ms`, `${latency_ms.p50.toFixed(0)} / ${latency_ms.p99.toFixed(0)} ms`, `${work_ms.p50.toFixed(1)} / ${work_ms.p99.toFixed(1)} ms`, `${recent.skipped} in 10 s, ${skipped} in all`, now.rtt_ms === null ? "–" : `${now.rtt_ms.toFixed(0)} ms`, String(missed), mapper];
      cells.forEach((cell, i) => say(cell, told[i]));
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

function log(page) {
  const list = el("ul", { class: "log soft", tabindex: "0", "aria-label": "What happened, newest first" });
  page.append(card("What happened", list));
  let last = "";
  const add = (event) => {
    const words = sentence(event);
    if (!words) return;
    if (words === last && SLIDERS.has(event.verb)) list.firstChild.remove(); // one fader that moves is one line
    last = words;
    list.prepend(el("li", { "data-level": event.level ?? "info" }, el("time", { class: "num" }, clock_time(event.t - now.hello.t0)), el("span", {}, words)));
    while (list.children.length > LOGGED) list.lastChild.remove();
  };
  now.hello.events.forEach(add);
  return on("event", add);
}

function sentence({ kind, text, verb, control, field, command, of, name, leader, door, reason }) {
  if (kind === "beat" || kind === "hit") return "";
  if (kind !== "command") return text ?? kind;
  return `${[verb, control, field, command, of, name, leader].filter(Boolean).join(" ")} by ${door}${reason ? ` refused: ${reason}` : ""}`;
}

function clock_time(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
