// Knobs, pads and keys of a MIDI controller that ask for commands: what is bound, and the button that waits for the next to move.

import { card, el, row, rows, table } from "./dom.js";
import { now, on } from "./link.js";
import { send } from "./verbs.js";

const BOUND = ["asks for", "moved by", "of", ""];
const PLAIN = ["panic", "resume", "freeze", "record", "marker", "resend", "tap"];
const PER_CONTROL = ["manual", "mute", "hold", "map"];
const words = (command, of) => [command, of].filter(Boolean).join(" ");
const waits = (command, of) => { const waiting = now.state?.learnt?.waiting; return !!waiting && waiting.command === command && waiting.of === of; };

/** A button that says whether it waits; pressed again it waits no more. */
export function learn_button(command, of) {
  const flip = () => (waits(command, of) ? send("learn", {}, "not learning") : send("learn", { command, of }, `move the knob for ${words(command, of)}`));
  return el("button", { class: "small learn", type: "button", "aria-pressed": "false", "aria-label": `learn ${words(command, of)}`, "data-command": command, "data-of": of, onclick: flip }, "learn");
}

export function learning() {
  const body = el("div", { class: "keys-list" });
  let shown = "";
  const stops = [on("state", ({ learnt, scenes }) => {
    for (const button of document.querySelectorAll(".learn")) button.setAttribute("aria-pressed", String(waits(button.dataset.command, button.dataset.of)));
    const text = JSON.stringify([learnt, scenes?.names]);
    if (text === shown || body.contains(document.activeElement) && document.activeElement.matches("select")) return;
    shown = text;
    body.replaceChildren(...(learnt ? bound(learnt, scenes?.names ?? []) : [el("p", { class: "hint" }, "Any MIDI controller can press these buttons and move these faders. Start choreo with ", el("code", {}, "-o doors.knobs.enabled=true"), ", press learn, move the knob, done.")]));
  })];
  return { node: card("Learn a controller", body), close: () => stops.forEach((stop) => stop()) };
}

function bound({ waiting, bindings, ports }, scenes) {
  const all = [...PLAIN.map((verb) => [verb, ""]), ...PER_CONTROL.flatMap((verb) => now.hello.controls.map(({ name }) => [verb, name])), ...scenes.map((name) => ["scene", name])];
  const what = el("select", { "aria-label": "What to learn" }, all.map(([verb, of], i) => el("option", { value: i }, words(verb, of))));
  const start = el("button", { type: "button", onclick: () => { const [command, of] = all[Number(what.value)]; send("learn", { command, of }, `move the knob for ${words(command, of)}`); } }, "Learn");
  const state = waiting ? el("p", { class: "badge", role: "status" }, `move a knob or press a pad for ${words(waiting.command, waiting.of)}${waiting.hint ? `: ${waiting.hint}` : ""}`) : null;
  const list = bindings.length
    ? table("What was learnt", BOUND, rows(bindings.map(({ command, of, by, port, there }) => row(BOUND, [words(command, of), by, el("span", {}, there ? port : `${port} (not there)`),
      el("button", { class: "small", type: "button", "aria-label": `forget ${words(command, of)}`, onclick: () => send("unlearn", { command, of }, `${words(command, of)} forgotten`) }, "forget")]))))
    : el("p", { class: "hint" }, "Nothing is learnt yet.");
  const heard = el("p", { class: "hint" }, ports.length ? `Heard: ${ports.join(", ")}` : "No MIDI controller is there; plug one in, it is found by itself.");
  return [el("div", { class: "row" }, what, start, waiting && el("button", { type: "button", onclick: () => send("learn", {}, "not learning") }, "Don’t wait"), state), list, heard];
}
