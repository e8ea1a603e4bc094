// From body to wire, control by control: every key of the control map under a hand, heard at once, and the lines that keep it.

import { editor, thumbnail } from "./curve.js";
import { card, digits, el, say } from "./dom.js";
import { ask, now, on } from "./link.js";
import { send, toast } from "./verbs.js";

const SEND_MS = 60; // as fast as the service answers one visitor
const OURS_MS = 700; // after a change, until what the service says about it is surely newer
const TEXT_MS = 100;
const CURVES = ["linear", "exponential", "s-curve"];

/** `node`, and `close` when the page is left. */
export function shaping() {
  const names = now.hello.controls.map(({ name }) => name);
  const model = Object.fromEntries(names.map((name) => [name, new Shape(name)]));
  const bench = el("div");
  let [chosen, shown] = [null, null];
  const tabs = names.map((name, i) => tile(name, i, model[name], () => choose(name)));
  const list = el("div", { class: "tiles", role: "tablist", "aria-label": "Control to shape" }, tabs.map(({ node }) => node));
  const keep = keeping(model);
  const node = card("From body to wire", list, bench, keep.node);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(names.indexOf(chosen) + step + names.length) % names.length];
    choose(names[tabs.indexOf(next)]);
    next.node.focus();
  });

  function choose(name) {
    chosen = name;
    tabs.forEach((one, i) => one.choose(names[i] === name));
    shown = workbench(model[name]);
    bench.replaceChildren(shown.node);
    draw();
  }
  function draw() {
    if (!chosen || !model[chosen].keys) return;
    tabs.forEach((one) => one.draw());
    shown.draw();
  }
  names.forEach((name) => { model[name].changed = draw; });

  let [drawn, texts] = [0, 0];
  const move = (at) => {
    drawn = 0;
    const words = at - texts >= TEXT_MS;
    if (words) texts = at;
    const { controls, positions } = now.frame;
    tabs.forEach((one, i) => one.move(positions[i], controls[i]));
    const i = names.indexOf(chosen);
    shown?.move(positions[i], controls[i], words);
  };
  const stops = [
    on("state", ({ shape }) => {
      if (!shape) return;
      names.forEach((name) => model[name].told(shape.controls[name], shape.changed.includes(name)));
      keep.draw(shape);
      if (chosen) draw();
      else choose(names[1]);
    }),
    on("frame", () => { if (chosen && !document.hidden && !drawn) drawn = requestAnimationFrame(move); }),
  ];
  return { node, close: () => { stops.forEach((stop) => stop()); cancelAnimationFrame(drawn); names.forEach((name) => model[name].close()); } };
}

/** One control's keys: what the service says, and until it says so what a hand has just done. */
class Shape {
  constructor(name) {
    Object.assign(this, { name, keys: null, edited: false, until: 0, changed: () => {}, waiting: new Map(), sent: 0, timer: 0 });
  }

  told(keys, edited) {
    if (this.keys && performance.now() < this.until) return;
    [this.keys, this.edited] = [keys, edited];
  }

  /** Send at most every SEND_MS, the last value always; `done` says that the hand has let go. */
  set(field, value, done) {
    if (this.keys[field] === value && !this.waiting.size && !done) return;
    this.keys = { ...this.keys, [field]: value };
    this.until = performance.now() + OURS_MS;
    this.waiting.set(field, [value, done]);
    this.changed();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), Math.max(0, this.sent + SEND_MS - performance.now()));
  }

  flush() {
    this.sent = performance.now();
    for (const [field, [value, done]] of this.waiting) this.say(field, value, done);
    this.waiting.clear();
  }

  async say(field, value, done) {
    const ack = await ask("shape", { control: this.name, field, value });
    if (ack.ok && done) toast(`${this.name} ${field} ${value} ✓`);
    if (ack.ok) return;
    this.until = 0; // what the service says counts again
    const shape = now.state?.shape;
    if (shape) this.told(shape.controls[this.name], shape.changed.includes(this.name));
    this.changed();
    toast(`${this.name} ${field} refused: ${ack.reason}`, false);
  }

  async reset() {
    this.until = 0;
    await send("shape", { control: this.name }, `${this.name} as in the file`);
  }

  close() {
    clearTimeout(this.timer);
    if (this.waiting.size) this.flush();
  }
}

function tile(name, index, shape, choose) {
  const { node: picture, draw, move } = thumbnail();
  const words = el("span", { class: "soft" });
  const node = el("button", { type: "button", class: "tile", role: "tab", id: `tab-${name}`, "aria-controls": "workbench", "aria-selected": "false", tabindex: index === 1 ? "0" : "-1", style: { "--c": `var(--${name})` }, onclick: choose }, picture, el("span", { class: "words" }, el("strong", {}, name), words));
  return {
    node,
    choose(is) { node.setAttribute("aria-selected", String(is)); node.tabIndex = is ? 0 : -1; },
    draw() {
      draw(shape.keys);
      say(words, `CC ${shape.keys.cc} · ch ${shape.keys.channel}${shape.edited ? " · changed" : ""}`);
    },
    move: (x, value) => shape.keys && move(shape.keys, x, value),
  };
}

function workbench(shape) {
  const plot = editor(shape.name, (field, value, done) => shape.set(field, value, done));
  const way = stages();
  const form = fields(shape);
  const back = el("button", { type: "button", onclick: () => shape.reset() }, "As in the file");
  const alone = el("button", { type: "button", onclick: () => send("map", { control: shape.name }, `map ${shape.name}`) }, "Map: this one alone");
  const node = el("div", { class: "bench", id: "workbench", role: "tabpanel", "aria-labelledby": `tab-${shape.name}`, style: { "--c": `var(--${shape.name})` } }, way.node, plot.node, el("div", { class: "form" }, form.nodes, el("div", { class: "row" }, back, alone)));
  return {
    node,
    draw() { plot.draw(shape.keys); way.draw(shape.keys); form.draw(shape.keys); back.disabled = !shape.edited; },
    move(x, value, words) { plot.move(x, value); if (words) way.move(x, value, shape.keys); },
  };
}

/** The stages a position passes, in their order, with what goes in and what comes out. */
function stages() {
  const [from, to] = [el("b", { class: "num" }, "–"), el("b", { class: "num" }, "–")];
  const steps = Array.from({ length: 6 }, () => el("span"));
  const node = el("ol", { class: "stages", "aria-label": "The way from body to wire" }, [["body ", from], ...steps.map((step) => [step]), ["wire ", to]].map((parts) => el("li", {}, parts)));
  return {
    node,
    draw(keys) {
      const ease = keys["ease.ms"] ? `ease ${keys["ease.curve"]} ${keys["ease.ms"]} ms` : "no ease";
      const words = ["guard: finite, in range", keys.curve, keys.invert ? "inverted" : "not inverted", `clamp ${digits(keys["clamp.low"], 1)} to ${digits(keys["clamp.high"], 1)}`, ease, `range ${keys.min} to ${keys.max} · CC ${keys.cc} ch ${keys.channel}`];
      steps.forEach((step, i) => say(step, words[i]));
    },
    move(x, value, keys) { say(from, digits(x, 1)); say(to, digits(value, keys.max - keys.min)); },
  };
}

function fields(shape) {
  const made = [
    choice(shape, "curve", "Curve", CURVES), toggle(shape),
    pair("Lowest and highest", number(shape, "clamp.low", { min: 0, max: 1, step: 0.01 }), number(shape, "clamp.high", { min: 0, max: 1, step: 0.01 })),
    glide(shape), choice(shape, "ease.curve", "Shape of the glide", CURVES),
    pair("Range in the receiver’s units", number(shape, "min", { step: "any" }), number(shape, "max", { step: "any" })),
    pair("MIDI controller and channel", number(shape, "cc", { min: 0, max: 127, step: 1 }), number(shape, "channel", { min: 1, max: 16, step: 1 })),
    pair("Rests at, and safe at panic", number(shape, "neutral", { min: 0, max: 1, step: 0.01 }), number(shape, "safe", { min: 0, max: 1, step: 0.01 })),
  ];
  return { nodes: made.map(({ node }) => node), draw: (keys) => made.forEach((one) => one.draw(keys)) };
}

const field = (label, ...children) => el("fieldset", { class: "entry" }, el("legend", {}, label), ...children);

function choice(shape, key, label, options) {
  const buttons = options.map((option) => el("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => shape.set(key, option, true) }, option));
  return { node: field(label, el("div", { class: "row" }, buttons)), draw: (keys) => buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(keys[key] === options[i]))) };
}

function toggle(shape) {
  const button = el("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => shape.set("invert", !shape.keys.invert, true) }, "invert");
  return { node: field("Direction", button), draw: ({ invert }) => button.setAttribute("aria-pressed", String(invert)) };
}

function glide(shape) {
  const input = el("input", { type: "range", min: 0, max: 2000, step: 10, "aria-label": `ease of ${shape.name} in milliseconds` });
  const exact = number(shape, "ease.ms", { min: 0, max: 10000, step: 10 });
  input.addEventListener("input", () => shape.set("ease.ms", Number(input.value), false));
  input.addEventListener("change", () => shape.set("ease.ms", Number(input.value), true));
  return { node: field("Glide in ms; it adds to the latency", el("div", { class: "glide" }, input, exact.node)), draw: (keys) => { input.value = keys["ease.ms"]; exact.draw(keys); } };
}

function number(shape, key, limits) {
  const input = el("input", { type: "number", inputmode: "decimal", class: "num", "aria-label": `${key} of ${shape.name}`, ...limits });
  let typing = false; // what is half typed stays
  input.addEventListener("input", () => { typing = true; });
  input.addEventListener("blur", () => { typing = false; });
  input.addEventListener("change", () => {
    typing = false;
    if (input.value === "") input.value = shape.keys[key];
    else shape.set(key, Number(input.value), true);
  });
  return { node: input, draw: (keys) => { if (!typing) input.value = keys[key]; } };
}

function pair(label, one, two) {
  return { node: field(label, el("div", { class: "pair" }, one.node, two.node)), draw: (keys) => { one.draw(keys); two.draw(keys); } };
}

/** What was changed lasts as long as the show; these lines keep it. */
function keeping(model) {
  const files = el("div");
  const node = el("section", { class: "keep", "aria-label": "Lines to keep" }, el("h3", {}, "To keep it"), files);
  let shown = "";
  return {
    node,
    draw({ kept, scene }) {
      const text = JSON.stringify([kept, scene]);
      if (text === shown) return;
      shown = text;
      if (!kept.length) return files.replaceChildren(el("p", { class: "hint" }, `Changes here are heard at once and end with the show. They count for the scene that plays: ${scene}.`));
      return files.replaceChildren(...kept.map(({ file, lines }) => el("div", {}, el("p", { class: "hint" }, "Write into ", el("code", {}, file), ":"), el("pre", { tabindex: "0" }, lines), el("div", { class: "row" },
        el("button", { type: "button", onclick: () => copy(lines, file) }, "Copy"), el("button", { type: "button", onclick: () => Object.values(model).filter((one) => one.edited).forEach((one) => one.reset()) }, "All as in the files")))));
    },
  };
}

async function copy(text, file) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`copied: paste into ${file} ✓`);
  } catch {
    toast("this browser copies only on this machine: select the lines", false); // http from elsewhere is no secure page
  }
}
