// Asking for something and showing the answer: nothing a performer presses stays unanswered.

import { ask, now } from "./link.js";
import { el } from "./dom.js";

const SHOWN_MS = 2600;
const MOST = 4;
const TOLD_MS = 800; // after this the service has said what is in force

export async function send(verb, args = {}, label = verb) {
  const ack = await ask(verb, args);
  toast(ack.ok ? `${label} ✓` : `${label} refused: ${ack.reason}`, ack.ok);
  return ack;
}

export function toast(text, ok = true) {
  const box = document.getElementById("toasts");
  const note = el("p", { class: "toast", "data-ok": String(ok) }, text);
  box.append(note);
  while (box.children.length > MOST) box.firstChild.remove();
  setTimeout(() => note.remove(), ok ? SHOWN_MS : 2 * SHOWN_MS);
}

/** What is in force, whoever asked for it. */
export function latched() {
  const told = now.state?.latched ?? {};
  return { panic: !!told.panic, frozen_s: told.frozen_s ?? null, held: told.held ?? [], muted: told.muted ?? [], manual: told.manual ?? [], map: told.map ?? "" };
}

/** The next of some names, from where the last press led: what the service says is half a second old. */
class Carousel {
  #asked = { name: "", until: 0 };

  async step(names, told, by, go) {
    const from = performance.now() < this.#asked.until ? this.#asked.name : told;
    const next = names[(names.indexOf(from) + by + names.length) % names.length];
    this.#asked = { name: next, until: performance.now() + TOLD_MS };
    if (!(await go(next)).ok) this.#asked.until = 0;
  }
}
const [scenes, leaders] = [new Carousel(), new Carousel()];

export function scene(step) {
  const { names = [], name = "" } = now.state?.scenes ?? {};
  if (!names.length) return toast("no scenes in this configuration", false);
  return scenes.step(names, name, step, (next) => send("scene", { name: next }, `scene ${next}`));
}

export const lead = (leader) => send("policy", { leader }, `${leader} leads`);

/** Let the next one lead the tempo. */
export const lead_next = () => leaders.step(now.hello.leaders, now.state?.leader ?? "", +1, lead);

/** The buttons of the guard actions, in order: verb, label, key, whether it is in force. */
export const ACTIONS = [
  ["panic", "Panic", "Esc", () => latched().panic],
  ["resume", "Resume", "U", null],
  ["freeze", "Freeze", "F", () => latched().frozen_s !== null],
  ["resend", "Resend", "S", null],
  ["record", "Record", "R", () => ["recording", "stalled"].includes(now.state?.recording?.state)],
  ["marker", "Marker", "M", null],
  ["tap", "Tap", "T", null],
  ["recalibrate", "Learn my range", "C", null],
];
