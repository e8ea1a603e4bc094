// Stage: five numbers and one word, legible across a room. Nothing can be edited; Esc still panics.

import { digits, el, say, shape } from "../dom.js";
import { now, on } from "../link.js";

const LEAVE_MS = 800;
const TEXT_MS = 100;

export function view(main, { leave }) {
  const word = el("p", { class: "word", role: "status" });
  const because = el("p", { class: "because" });
  const mark = el("div");
  const giants = el("div", { class: "giants" });
  const awake = el("span");
  const scene = el("section", { class: "scene", "aria-label": "Stage", "data-level": "warn" },
    el("div", { class: "field" }, mark, word, because), giants,
    el("div", { class: "locked" }, el("span", {}, "locked · Esc panics · . leaves"), awake, leaving(leave)));
  main.append(el("h1", { class: "hidden" }, "Stage"), scene);
  let cells = [];
  let [texts, drawn] = [0, 0];
  const stops = [
    on("hello", ({ controls }) => {
      cells = controls.map((control) => ({ control, bar: el("i"), number: el("span", { class: "num" }, "–") }));
      giants.replaceChildren(...cells.map(({ control, bar, number }) => el("div", { class: "giant", style: { "--c": `var(--${control.name})` } }, bar, number, el("span", { class: "name" }, control.name.replace("_", " ")))));
    }),
    on("frame", () => { drawn ||= requestAnimationFrame(draw); }),
    on("state", ({ health }) => level(health.level, health.word, health.why[0] ?? "")),
    on("status", (up) => { if (!up) level("bad", "NO LINK", now.refused || "no connection to choreo"); }),
  ];
  function draw(at) {
    drawn = 0;
    const text = at - texts >= TEXT_MS;
    if (text) texts = at;
    const wide = innerWidth > innerHeight;
    cells.forEach(({ control, bar, number }, i) => {
      const value = now.frame.controls[i];
      const x = Math.min(1, Math.max(0, (value - control.lo) / (control.hi - control.lo)));
      bar.style.transform = `scale${wide ? "Y" : "X"}(${x.toFixed(3)})`;
      if (text) say(number, digits(value, 1));
    });
  }
  function level(name, told, why) {
    if (scene.dataset.level !== name || !mark.firstChild) {
      scene.dataset.level = name;
      mark.replaceChildren(shape(name));
    }
    say(word, told);
    say(because, why);
  }
  const lock = keep_awake(awake);
  return () => { stops.forEach((stop) => stop()); cancelAnimationFrame(drawn); lock(); };
}

/** Touched by mistake it does nothing: it wants to be held. */
function leaving(leave) {
  let timer = 0;
  const press = () => { timer = setTimeout(leave, LEAVE_MS); };
  const lift = () => clearTimeout(timer);
  const key = (act) => (event) => { if (event.key === "Enter" || event.key === " ") { if (!event.repeat) act(); event.preventDefault(); } };
  return el("button", { type: "button", onpointerdown: press, onpointerup: lift, onpointerleave: lift, onkeydown: key(press), onkeyup: key(lift) }, "Hold to leave");
}

function keep_awake(line) {
  let lock = null;
  let over = false;
  const take = async () => {
    if (over || document.hidden) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      say(line, "screen stays on");
    } catch {
      say(line, "screen may sleep: set it in your system"); // no wake lock outside https and localhost
    }
  };
  document.addEventListener("visibilitychange", take);
  take();
  return () => { over = true; document.removeEventListener("visibilitychange", take); lock?.release(); };
}
