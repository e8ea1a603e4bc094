// One instrument for all views: it plays on while the performer looks elsewhere. Loaded when first asked for.

import { now, on } from "./link.js";
import { toast } from "./verbs.js";

let instrument = null;
const watchers = new Set();

export const listening = () => instrument?.on ?? false;
export const on_listening = (watcher) => (watchers.add(watcher), () => watchers.delete(watcher));
export const heard = () => instrument?.heard() ?? { rms: 0, centroid: 0 };

export async function toggle_sound() {
  if (!now.hello) return toast("no connection to choreo", false);
  if (listening()) await instrument.stop();
  else {
    const { Instrument } = await import("./sound.js");
    instrument = new Instrument(now.hello.controls);
    await instrument.start();
  }
  for (const watcher of watchers) watcher(listening());
  return toast(listening() ? "listening: your five controls play" : "silent");
}

on("frame", ({ controls }) => { if (instrument?.on) instrument.play(controls); });
globalThis.choreo = { heard }; // for tests and the curious
