// The one WebSocket: hello, state, events and acks as JSON, the hot frame as bytes.

const VERSION = 2; // of the messages; a server that speaks another asks for a reload
const ANSWER_MS = 3000;
const ANOTHER = "another show"; // kept over a reload
const SHOWN_HZ = 30;
const HIDDEN_HZ = 2;

const listeners = { hello: new Set(), state: new Set(), event: new Set(), frame: new Set(), status: new Set() };
const waiting = new Map(); // id -> resolve
let socket = null;
let number = 0;
let retry_ms = 250;

/** What was last told; pages that open later start from it. */
export const now = { hello: null, state: null, frame: null, up: false, rtt_ms: null, performer: 0, refused: "" };

export function on(kind, listener) {
  listeners[kind].add(listener);
  if (kind !== "event" && kind !== "status" && now[kind]) listener(now[kind]);
  return () => listeners[kind].delete(listener);
}

/** Ask the service; always answers {ok, reason}, also when nobody is there. */
export function ask(verb, args = {}) {
  return request({ type: "cmd", verb, args });
}

export function show(performer) {
  now.performer = performer;
  return subscribe();
}

function request(words) {
  if (!now.up) return Promise.resolve({ ok: false, reason: "no connection to choreo" });
  const id = ++number;
  return new Promise((resolve) => {
    const timer = setTimeout(() => { waiting.delete(id); resolve({ ok: false, reason: "no answer" }); }, ANSWER_MS);
    waiting.set(id, (ack) => { clearTimeout(timer); resolve(ack); });
    socket.send(JSON.stringify({ ...words, id }));
  });
}

async function subscribe() {
  const started = performance.now();
  const ack = await request({ type: "subscribe", hz: document.hidden ? HIDDEN_HZ : SHOWN_HZ, performer: now.performer });
  if (ack.ok) now.rtt_ms = performance.now() - started;
  return ack;
}

function tell(kind, what) {
  for (const listener of listeners[kind]) listener(what);
}

function set_up(up) {
  if (now.up === up) return;
  now.up = up;
  tell("status", up);
}

/** Not one command goes out, nor is anything shown, between what this page was made for and what answers now. */
function begin_anew() {
  socket.onmessage = socket.onclose = null;
  location.reload();
}

/** Whether this page was loaded again because another show answers at its address; true once. */
export function is_another() {
  const is = sessionStorage.getItem(ANOTHER) !== null;
  sessionStorage.removeItem(ANOTHER);
  return is;
}

function receive({ data }) {
  if (data instanceof ArrayBuffer) {
    now.frame = decode(data);
    tell("frame", now.frame);
    return;
  }
  const words = JSON.parse(data);
  if (words.type === "ack") {
    waiting.get(words.id)?.(words);
    waiting.delete(words.id);
    return;
  }
  if (words.type === "hello") {
    if (words.version !== VERSION) return begin_anew();
    if (now.hello && words.show !== now.hello.show) {
      sessionStorage.setItem(ANOTHER, "1");
      return begin_anew();
    }
    now.hello = words;
    retry_ms = 250;
    now.refused = "";
    set_up(true);
    subscribe();
  }
  if (words.type === "state") {
    now.state = words;
    for (const control of now.hello?.controls ?? []) Object.assign(control, words.shape?.wires[control.name]); // ranges may change under way
  }
  tell(words.type, words);
}

/** u32 seq, f64 t, f32 x controls, f32 x features, f32 x positions before the control map; little-endian. */
function decode(data) {
  const view = new DataView(data);
  const { controls, features } = now.hello.frame;
  const floats = (from, count) => Array.from({ length: count }, (_, i) => view.getFloat32(from + 4 * i, true));
  return { seq: view.getUint32(0, true), t: view.getFloat64(4, true), controls: floats(12, controls), features: floats(12 + 4 * controls, features), positions: floats(12 + 4 * (controls + features), controls) };
}

export function connect() {
  let opened = false;
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { opened = true; };
  socket.onmessage = receive;
  socket.onclose = () => {
    set_up(false);
    if (!opened) ask_why();
    for (const resolve of waiting.values()) resolve({ ok: false, reason: "the connection was lost" });
    waiting.clear();
    setTimeout(connect, retry_ms);
    retry_ms = Math.min(4000, retry_ms * 1.6);
  };
}

/** A browser doesn't tell why no connection came about. Where it was for want of a session, which ends with the engine
 *  that gave it, the token we know gives a new one. */
async function ask_why() {
  const answer = await fetch("/api/state").catch(() => null);
  const entered = answer?.status === 401 ? await enter().catch(() => null) : null;
  now.refused = entered?.reason ?? "";
  tell("status", now.up);
}

/** Other machines enter with the token of the printed address, and steer with the PIN. */
export async function enter(pin = "") {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? sessionStorage.getItem("token");
  if (!token) return { ok: false, reason: "open the address with the token, as printed where choreo runs" };
  if (location.hash) history.replaceState(null, "", location.pathname);
  const answer = await fetch("/api/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token, pin }) });
  if (answer.ok) sessionStorage.setItem("token", token);
  else if (answer.status === 401 && !pin) sessionStorage.removeItem("token"); // not tried again: wrong ones shut out everybody
  if (answer.ok && now.up) socket.close(); // comes back with the new rights
  return { ok: answer.ok, reason: answer.ok ? "" : (await answer.text()).trim() };
}

document.addEventListener("visibilitychange", subscribe);
setInterval(subscribe, 5000); // measures the way there and back
