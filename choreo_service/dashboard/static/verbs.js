// Asking for something and showing the answer: nothing a performer presses stays unanswered.

import { ask, now } from "./link.js";
import { el } from "./dom.js";

const SHOWN_MS = 2600;
const MOST = 4;

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

export function scene(step) {
  const { names = [], name = "" } = now.state?.scenes ?? {};
  if (!names.length) return toast("no scenes in this configuration", false);
  const next = names[(names.indexOf(name) + step + names.length) % names.length];
  return send("scene", { name: next }, `scene ${next}`);
}

/** Let the next one lead the tempo, or the one that is named. */
export function lead(leader) {
  const { leaders } = now.hello;
  const next = leader ?? leaders[(leaders.indexOf(now.state?.leader) + 1) % leaders.length];
  return send("policy", { leader: next }, `${next} leads`);
}

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
