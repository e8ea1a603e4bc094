// The keyboard. Not while typing; panic always.

import { now } from "./link.js";
import { lead_next, scene, send, toast } from "./verbs.js";
import { el } from "./dom.js";

const FOCUS_MS = 8000;
const CONTROL_KEYS = { m: "mute", h: "hold", l: "map" };
const KEYS = { f: "freeze", r: "record", m: "marker", s: "resend", t: "tap", u: "resume", c: "recalibrate" };
const LIST = [
  ["Esc", "panic, from wherever you are: every control to its safe value; again: at once"], ["U", "resume: back to what the body plays"],
  ["F", "freeze"], ["R", "record"], ["M", "marker"], ["S", "resend everything"], ["T", "tap a beat"],
  ["C", "learn my range anew"], ["P", "the next one leads the tempo"],
  ["1–5", "choose a control; then M mute, H hold, L map"], ["[ ]", "scene before, scene after"],
  [".", "stage"], ["A", "listen here"], ["D", "light or dark"], ["?", "this list"],
];

export const focus = { control: null, until: 0 };
const watchers = new Set();
export const on_focus = (watcher) => (watchers.add(watcher), () => watchers.delete(watcher));

export function choose(index) {
  focus.control = index;
  focus.until = performance.now() + FOCUS_MS;
  for (const watcher of watchers) watcher(index);
}

const typing = (target) => target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select");

export function listen({ stage, theme, sound }) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.repeat) {
      document.querySelector("dialog[open]")?.close();
      event.preventDefault();
      return send("panic", {}, "panic");
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return undefined;
    if (document.querySelector("dialog[open]")) return undefined;
    const act = action(event.key, { stage, theme, sound });
    if (act) {
      event.preventDefault();
      act();
    }
    return undefined;
  });
}

function action(key, { stage, theme, sound }) {
  if (document.body.classList.contains("stage")) return key === "." ? stage : null; // locked
  const low = key.toLowerCase();
  if (/^[1-5]$/.test(key)) return () => choose(Number(key) - 1);
  const chosen = focus.control !== null && performance.now() < focus.until ? now.hello?.controls[focus.control] : null;
  if (chosen && CONTROL_KEYS[low]) {
    choose(focus.control);
    return () => send(CONTROL_KEYS[low], { control: chosen.name }, `${CONTROL_KEYS[low]} ${chosen.name}`);
  }
  if ((low === "h" || low === "l") && !chosen) return () => toast("choose a control first: 1 to 5", false);
  if (KEYS[low]) return () => send(KEYS[low]);
  return { "[": () => scene(-1), "]": () => scene(+1), p: lead_next, ".": stage, d: theme, a: sound, "?": help }[low] ?? null;
}

export function help() {
  const dialog = document.getElementById("keys");
  dialog.replaceChildren(
    el("h1", { id: "keys-title" }, "Keys"),
    el("dl", {}, LIST.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
    el("button", { type: "button", onclick: () => dialog.close() }, "Close"),
  );
  dialog.showModal();
}
