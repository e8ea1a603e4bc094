// Map: teach a receiver one control at a time, and take a control by hand.

import { rows } from "../controls.js";
import { card, el, svg } from "../dom.js";
import { now, on } from "../link.js";
import { latched, send } from "../verbs.js";

const FADER_MS = 60; // as fast as the service answers one visitor

export function view(main) {
  const page = el("div", { class: "grid" });
  main.append(el("h1", {}, "Map"), page);
  let close = () => {};
  const stop = on("hello", () => {
    close();
    const { node: chain_card, close: still } = chains();
    const faders = now.hello.controls.map(fader);
    const { node, close: end } = rows((_, i) => faders[i].nodes);
    const follow = on("state", () => faders.forEach((one) => one.follow()));
    close = () => { end(); follow(); still(); };
    page.replaceChildren(
      card("Teach a receiver", el("p", { class: "hint" }, "In your synth choose “learn” for a knob, then press ", el("strong", {}, "map"), " here: for twenty seconds only this control is sent, sweeping slowly from end to end, and all others are silent. Press it again to end; everything is then sent once more."),
        el("div", { class: "row" }, el("button", { type: "button", onclick: () => send("map", {}, "map ended") }, "End map"), el("button", { type: "button", onclick: () => send("resend") }, "Resend everything"), el("button", { type: "button", onclick: () => send("resume") }, "Resume all"))),
      card("Controls", node),
      chain_card,
      card("Where they go", table()),
      card("Paste into Strudel", el("pre", { tabindex: "0" }, strudel())),
    );
  });
  return () => { stop(); close(); };
}

function fader({ name, lo, hi }, index) {
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
    nodes: [el("div", { class: "hand" }, el("span", { class: "soft" }, "by hand"), input, back)],
    follow() { // until a hand takes it, it shows where the body is
      const value = now.frame?.controls[index];
      if (value !== undefined && document.activeElement !== input && !latched().manual.includes(name)) input.value = (value - lo) / (hi - lo);
    },
  };
}

/** Curve, invert, clamp and ease of every control, and a dot where it is now. */
function chains() {
  const made = now.hello.controls.map(({ name, lo, hi, chain }) => {
    const line = chain.points.map((y, i) => `${i ? "L" : "M"}${((100 * i) / (chain.points.length - 1)).toFixed(1)} ${(100 - 100 * y).toFixed(1)}`).join("");
    const dot = svg("circle", { r: 5, class: "dot" });
    const picture = svg("svg", { viewBox: "-6 -6 112 112", class: "curve", role: "img", "aria-label": `${name}: ${chain.curve}` }, svg("path", { d: "M0 0V100H100", class: "axes" }), svg("path", { d: line, class: "line" }), dot);
    const words = [chain.curve, chain.invert && "inverted", `${chain.clamp[0]} to ${chain.clamp[1]}`, chain.ease.ms ? `${chain.ease.curve} ease, ${chain.ease.ms} ms` : "no ease"].filter(Boolean);
    const node = el("figure", { class: "chain", style: { "--c": `var(--${name})` } }, picture, el("figcaption", {}, el("strong", {}, name), el("br"), words.join(" · ")));
    const place = (value) => {
      const y = (value - lo) / (hi - lo);
      const nearest = chain.points.reduce((best, p, i) => (Math.abs(p - y) < Math.abs(chain.points[best] - y) ? i : best), 0);
      dot.setAttribute("cx", ((100 * nearest) / (chain.points.length - 1)).toFixed(1));
      dot.setAttribute("cy", (100 - 100 * y).toFixed(1));
    };
    return { node, place };
  });
  let drawn = 0;
  const stop = on("frame", () => {
    if (document.hidden || drawn) return;
    drawn = requestAnimationFrame(() => { drawn = 0; made.forEach(({ place }, i) => place(now.frame.controls[i])); });
  });
  return { node: card("From body to wire", el("div", { class: "chains" }, made.map(({ node }) => node))), close: () => { stop(); cancelAnimationFrame(drawn); } };
}

function table() {
  const head = ["control", "lowest", "highest", "rests at", "safe", "CC", "channel"];
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Where the controls go" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, now.hello.controls.map((c) => el("tr", {}, [c.name, c.lo, c.hi, c.neutral.toFixed(3), c.safe.toFixed(3), c.cc, c.channel].map((cell, i) => el(i ? "td" : "th", i ? { class: "num" } : { scope: "row" }, String(cell))))))),
    el("p", { class: "hint" }, "Ranges, curves and numbers stand in the control map, a file of its own: control_map in the configuration."));
}

function strudel() {
  const density = now.hello.controls.find(({ name }) => name === "density");
  const brightness = now.hello.controls.find(({ name }) => name === "brightness");
  return `let cc = await midin('choreo')\nnote("c a f e").struct("x*8").degradeBy(cc(${density.cc}).range(0.8, 0))\n  .lpf(cc(${brightness.cc}).range(200, 4000))`;
}
