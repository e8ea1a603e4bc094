// One control's way drawn: what the body wants from left to right, what is sent from bottom to top, and a dot where it is now.

import { el, svg } from "./dom.js";
import { now } from "./link.js";

const STEPS = 96;
const clamped = (x, low = 0, high = 1) => Math.min(high, Math.max(low, x));

/** Curve, invert and clamp of `keys` at a position 0..1. */
export function bent(keys, x) {
  const points = now.hello.curves[keys.curve];
  const at = clamped(x) * (points.length - 1);
  const i = Math.min(points.length - 2, Math.floor(at));
  const y = points[i] + (at - i) * (points[i + 1] - points[i]);
  return clamped(keys.invert ? 1 - y : y, keys["clamp.low"], keys["clamp.high"]);
}

/** Where a value on the wire stands in the range that plays. */
export const placed = (keys, value) => clamped((value - keys.min) / (keys.max - keys.min), -0.02, 1.02);

const line = (keys) => Array.from({ length: STEPS + 1 }, (_, i) => `${i ? "L" : "M"}${((100 * i) / STEPS).toFixed(1)} ${(100 - 100 * bent(keys, i / STEPS)).toFixed(1)}`).join("");

/** A small picture: `draw(keys)` when something was changed, `move(position, value)` with every frame. */
export function thumbnail() {
  const path = svg("path", { class: "line" });
  const dot = svg("circle", { r: 5, class: "dot" });
  const node = svg("svg", { viewBox: "-6 -6 112 112", class: "curve", "aria-hidden": "true" }, svg("path", { d: "M0 0V100H100", class: "axes" }), path, dot);
  return {
    node,
    draw: (keys) => path.setAttribute("d", line(keys)),
    move: (keys, x, value) => { dot.setAttribute("cx", (100 * x).toFixed(1)); dot.setAttribute("cy", (100 - 100 * placed(keys, value)).toFixed(1)); },
  };
}

/** The large picture with two handles for the lowest and the highest position; `set(field, value, done)` when one moves. */
export function editor(name, set) {
  let keys = null;
  const path = svg("path", { class: "line" });
  const dot = svg("circle", { r: 2.6, class: "dot" });
  const meant = svg("circle", { r: 1.8, class: "meant" });
  const cross = svg("path", { class: "cross" });
  const shut = ["clamp.low", "clamp.high"].map(() => svg("rect", { x: 0, width: 100, class: "shut" }));
  const picture = svg("svg", { viewBox: "-7 -5 114 112", class: "curve large" },
    svg("path", { d: "M0 25H100M0 50H100M0 75H100M25 0V100M50 0V100M75 0V100", class: "grid-lines" }), svg("path", { d: "M0 0V100H100", class: "axes" }), ...shut, cross, path, meant, dot);
  const handles = ["clamp.low", "clamp.high"].map((field) => handle(picture, field, `${field === "clamp.low" ? "lowest" : "highest"} position of ${name}`, () => keys, set));
  picture.append(...handles.map((one) => one.node));
  const [top, bottom] = [el("span", { class: "num" }), el("span", { class: "num" })];
  const node = el("div", { class: "plot" }, el("span", { class: "y soft" }, top, el("span", {}, "sent"), bottom), picture, el("span", { class: "x soft" }, el("span", {}, "0"), el("span", {}, "what the body wants"), el("span", {}, "1")));
  return {
    node,
    draw(told) {
      keys = told;
      path.setAttribute("d", line(keys));
      const [low, high] = [100 - 100 * keys["clamp.low"], 100 - 100 * keys["clamp.high"]];
      place(shut[0], low, 100);
      place(shut[1], 0, high);
      handles.forEach((one) => one.draw(keys));
      top.textContent = String(keys.max);
      bottom.textContent = String(keys.min);
    },
    move(x, value) {
      if (!keys) return;
      const [cx, cy] = [100 * x, 100 - 100 * placed(keys, value)];
      dot.setAttribute("cx", cx.toFixed(2));
      dot.setAttribute("cy", cy.toFixed(2));
      meant.setAttribute("cx", cx.toFixed(2));
      meant.setAttribute("cy", (100 - 100 * bent(keys, x)).toFixed(2));
      cross.setAttribute("d", `M${cx.toFixed(2)} 100V${cy.toFixed(2)}H0`);
    },
  };
}

function place(rect, from, to) {
  rect.setAttribute("y", from.toFixed(2));
  rect.setAttribute("height", Math.max(0, to - from).toFixed(2));
}

function handle(picture, field, label, told, set) {
  const knob = svg("path", { class: "knob" });
  const node = svg("g", { role: "slider", tabindex: "0", class: "handle", "aria-label": label, "aria-orientation": "vertical", "aria-valuemin": "0", "aria-valuemax": "1" }, svg("path", { d: "M0 0H100", class: "rail" }), svg("path", { d: "M-7-5H107V5H-7z", class: "grip" }), knob);
  const go = (value, done) => {
    const [low, high] = field === "clamp.low" ? [0, told()["clamp.high"] - 0.01] : [told()["clamp.low"] + 0.01, 1];
    set(field, Math.round(100 * clamped(value, low, high)) / 100, done);
  };
  const at = ({ clientY }) => {
    const box = picture.getBoundingClientRect();
    return 1 - ((clientY - box.top) / box.height * 112 - 5) / 100;
  };
  node.addEventListener("pointerdown", (event) => { node.setPointerCapture(event.pointerId); node.focus(); event.preventDefault(); });
  node.addEventListener("pointermove", (event) => { if (node.hasPointerCapture(event.pointerId)) go(at(event), false); });
  node.addEventListener("pointerup", (event) => go(at(event), true));
  node.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    go(told()[field] + steps[event.key], true);
  });
  return {
    node,
    draw(keys) {
      node.setAttribute("transform", `translate(0 ${(100 - 100 * keys[field]).toFixed(2)})`);
      node.setAttribute("aria-valuenow", String(keys[field]));
      node.setAttribute("aria-valuetext", `${Math.round(100 * keys[field])} percent`);
      knob.setAttribute("d", "M-6-3.4H0L3.4 0 0 3.4H-6z");
    },
  };
}
