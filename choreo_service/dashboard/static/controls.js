// One row per control: name, value, meter, what is in force, and its verbs. Used by Live and Map.

import { digits, el, say } from "./dom.js";
import { choose, focus, on_focus } from "./keys.js";
import { now, on } from "./link.js";
import { latched, send } from "./verbs.js";

const TEXT_HZ = 10; // numbers that change faster can't be read

/** Rows for every control, and how to stop updating them. `extra(control)` gives further elements for each. */
export function rows(extra = () => []) {
  const list = el("div", { role: "list", "aria-label": "Controls" });
  const made = now.hello.controls.map((control, index) => row(control, index, extra(control, index)));
  list.append(...made.map((one) => one.node));
  let drawn = 0;
  let texts = 0;
  const draw = (frame) => {
    if (drawn || document.hidden) return;
    drawn = requestAnimationFrame((at) => {
      drawn = 0;
      const text = at - texts >= 1000 / TEXT_HZ;
      if (text) texts = at;
      made.forEach((one, i) => one.draw(now.frame?.controls[i] ?? frame.controls[i], text));
    });
  };
  const stops = [on("frame", draw), on("state", () => made.forEach((one) => one.state())), on_focus(() => made.forEach((one) => one.state()))];
  return { node: list, close: () => { cancelAnimationFrame(drawn); stops.forEach((stop) => stop()); } };
}

function row(control, index, extra) {
  const { name } = control; // its range and address may change while it plays
  const position = (value) => Math.min(1, Math.max(0, (value - control.lo) / (control.hi - control.lo)));
  const [bar, rest, address] = [el("i"), el("b", { title: "neutral" }), el("span")];
  const meter = el("div", { class: "meter", role: "meter", "aria-label": `${name} value` }, bar, rest);
  const value = el("span", { class: "value num" }, "–");
  const badges = el("span", { class: "badges" });
  const verbs = ["mute", "hold", "map"].map((verb) => {
    const button = el("button", { class: "small", type: "button", "aria-pressed": "false", "aria-label": `${verb} ${name}`, onclick: () => { choose(index); send(verb, verb === "map" && latched().map === name ? {} : { control: name }, `${verb} ${name}`); } }, verb);
    return [verb, button];
  });
  const node = el("div", { class: "control", role: "listitem", style: { "--c": `var(--${name})` } },
    el("div", { class: "name" }, el("kbd", {}, String(index + 1)), ` ${name}`, el("small", {}, address, badges)),
    value, meter, el("div", { class: "row keys" }, verbs.map(([, button]) => button)), ...extra);
  let last = control.neutral;
  const place = () => {
    say(address, `CC ${control.cc} · ch ${control.channel} `);
    rest.style.left = `${(100 * position(control.neutral)).toFixed(1)}%`;
    for (const [key, value] of [["valuemin", control.lo], ["valuemax", control.hi], ["valuenow", digits(last, control.hi - control.lo)]]) meter.setAttribute(`aria-${key}`, String(value));
  };
  place();
  return {
    node,
    draw(now_value, text) {
      last = now_value;
      bar.style.transform = `scaleX(${position(now_value).toFixed(4)})`;
      if (text) say(value, digits(now_value, control.hi - control.lo));
    },
    state() {
      const held = latched();
      const on_now = { mute: held.muted.includes(name), hold: held.held.includes(name), map: held.map === name };
      for (const [verb, button] of verbs) button.setAttribute("aria-pressed", String(on_now[verb]));
      const words = [on_now.mute && "muted", on_now.hold && "held", on_now.map && "alone", held.manual.includes(name) && "by hand"].filter(Boolean);
      if (badges.dataset.words !== words.join()) {
        badges.dataset.words = words.join();
        badges.replaceChildren(...words.map((word) => el("span", { class: "badge" }, word)));
      }
      place();
      node.classList.toggle("focused", focus.control === index && performance.now() < focus.until);
    },
  };
}
