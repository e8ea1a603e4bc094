// Map: teach a receiver one control at a time, take a control by hand, shape its way to the wire, learn a controller.

import { rows } from "../controls.js";
import { card, el, say } from "../dom.js";
import { learn_button, learning } from "../learning.js";
import { now, on } from "../link.js";
import { shaping } from "../shaping.js";
import { latched, send } from "../verbs.js";

const FADER_MS = 60; // as fast as the service answers one visitor

export function view(main) {
  const page = el("div", { class: "grid" });
  main.append(el("h1", {}, "Map"), page);
  let closing = [];
  const stop = on("hello", () => {
    closing.forEach((close) => close());
    const faders = now.hello.controls.map(fader);
    const [controls, chains, learned, snippet] = [rows((_, i) => faders[i].nodes), shaping(), learning(), strudel()];
    closing = [controls.close, chains.close, learned.close, snippet.close, on("state", () => faders.forEach((one) => one.follow()))];
    page.replaceChildren(
      card("Teach a receiver", el("p", { class: "hint" }, "In your synth choose “learn” for a knob, then press ", el("strong", {}, "map"), " here: for twenty seconds only this control is sent, sweeping slowly from end to end, and all others are silent. Press it again to end; everything is then sent once more."),
        el("div", { class: "row" }, el("button", { type: "button", onclick: () => send("map", {}, "map ended") }, "End map"), el("button", { type: "button", onclick: () => send("resend") }, "Resend everything"), el("button", { type: "button", onclick: () => send("resume") }, "Resume all"))),
      card("Controls", controls.node),
      chains.node,
      learned.node,
      card("Paste into Strudel", snippet.node),
    );
  });
  return () => { stop(); closing.forEach((close) => close()); };
}

function fader(control, index) {
  const { name } = control;
  let [sent, waiting] = [0, 0];
  const input = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0.5, "aria-label": `${name} by hand`, style: { "--c": `var(--${name})` } });
  const move = () => {
    clearTimeout(waiting);
    const due = sent + FADER_MS - performance.now();
    if (due > 0) { waiting = setTimeout(move, due); return; }
    sent = performance.now();
    send("manual", { control: name, position: Number(input.value) }, `${name} by hand`);
  };
  input.addEventListener("input", move);
  const back = el("button", { class: "small", type: "button", "aria-label": `give back ${name}`, onclick: () => send("manual", { control: name }, `${name} given back`) }, "give back");
  return {
    nodes: [el("div", { class: "hand" }, el("span", { class: "soft" }, "by hand"), input, el("span", { class: "row" }, back, learn_button("manual", name)))],
    follow() { // until a hand on this page takes it, it shows where the control is
      const value = now.frame?.controls[index];
      if (value !== undefined && document.activeElement !== input) input.value = (value - control.lo) / (control.hi - control.lo);
      else if (value !== undefined && !latched().manual.includes(name)) input.blur();
    },
  };
}

/** A patch with the numbers in effect. */
function strudel() {
  const text = el("pre", { tabindex: "0" });
  const write = () => {
    const cc = (name) => now.hello.controls.find((control) => control.name === name).cc;
    say(text, `let cc = await midin('choreo')\nnote("c a f e").struct("x*8").degradeBy(cc(${cc("density")}).range(0.8, 0))\n  .lpf(cc(${cc("brightness")}).range(200, 4000))`);
  };
  write();
  return { node: text, close: on("state", write) };
}
