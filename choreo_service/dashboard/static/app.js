// The shell: which view is open, the health pill, theme, keys. One connection lives as long as the page.

import { connect, enter, is_another, now, on } from "./link.js";
import { help, listen } from "./keys.js";
import { el, say, shape } from "./dom.js";
import { toast } from "./verbs.js";
import { toggle_sound } from "./listening.js";

const VIEWS = {
  "/": ["Live", () => import("./views/live.js")],
  "/stage": ["Stage", () => import("./views/stage.js")],
  "/map": ["Map", () => import("./views/map.js")],
  "/sensors": ["Sensors", () => import("./views/sensors.js")],
  "/takes": ["Takes", () => import("./views/takes.js")],
  "/health": ["Health", () => import("./views/health.js")],
  "/config": ["Config", () => import("./views/config.js")],
};
const root = document.documentElement;
const main = document.getElementById("view");
let open = { path: "", close: () => {} };
let turn = 0; // a view that loads slowly must not replace a later one

async function show(path, push = true) {
  const [, load] = VIEWS[path] ?? VIEWS["/"];
  const mine = ++turn;
  const { view } = await load();
  if (mine !== turn) return;
  open.close();
  if (push) history.pushState(null, "", path);
  document.body.classList.toggle("stage", path === "/stage");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren();
  const close = view(main, { leave: () => show("/") });
  open = { path, close: close ?? (() => {}) };
  title();
}

/** Of two shows in two tabs each says its own name. */
function title() {
  document.title = [(VIEWS[open.path] ?? VIEWS["/"])[0], now.hello?.name, "choreo"].filter(Boolean).join(" · ");
}

function theme(name) {
  root.dataset.theme = name;
  localStorage.setItem("theme", name);
}

const NO_LINK = { level: "bad", word: "NO LINK" }; // what was last told may be over by now

function health(found) {
  const pill = document.getElementById("health");
  if (pill.dataset.level === found.level && pill.dataset.word === found.word) return;
  pill.dataset.level = found.level;
  pill.dataset.word = found.word;
  pill.replaceChildren(shape(found.level), el("span", {}, found.word));
}

function status() {
  const line = document.getElementById("link");
  const may = now.hello?.may_steer ?? true;
  line.dataset.up = String(now.up);
  document.body.classList.toggle("stale", !now.up);
  if (!now.up) health(NO_LINK);
  say(line, now.up ? (may ? "connected" : "view only") : now.refused || "no connection to choreo");
  if (now.up && !may && now.hello.pin) line.replaceChildren(el("button", { class: "small", type: "button", onclick: ask_pin }, "View only: enter the PIN"));
}

function ask_pin() {
  const dialog = document.getElementById("pin");
  const input = el("input", { type: "password", inputmode: "numeric", autocomplete: "off", "aria-label": "PIN", maxlength: 12 });
  const steer = async () => {
    dialog.close();
    const answer = await enter(input.value);
    toast(answer.ok ? "this page may steer now" : answer.reason, answer.ok);
  };
  dialog.replaceChildren(
    el("h1", { id: "pin-title" }, "PIN"),
    el("p", { class: "hint" }, "Whoever runs choreo has set it: dashboard.pin"),
    el("div", { class: "row" }, input, el("button", { type: "button", onclick: steer }, "Steer")),
  );
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") steer(); });
  dialog.showModal();
}

async function start() {
  theme(localStorage.getItem("theme") ?? "dark");
  const nav = document.querySelector("nav");
  nav.append(...Object.entries(VIEWS).map(([path, [name]]) => el("a", { href: path, "data-view": path }, name)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-view]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.dataset.view);
  });
  addEventListener("popstate", () => show(location.pathname, false));
  const turn_theme = () => {
    theme(root.dataset.theme === "dark" ? "light" : "dark");
    if (open.path === "/") show("/", false); // the charts take their colours when they are made
  };
  document.getElementById("theme").addEventListener("click", turn_theme);
  document.getElementById("help").addEventListener("click", help);
  listen({ stage: () => show(open.path === "/stage" ? "/" : "/stage"), theme: turn_theme, sound: toggle_sound });
  on("state", (state) => health(state.health));
  on("hello", status);
  on("hello", title);
  on("status", status);
  on("event", ({ kind, level, text }) => {
    const answers = kind === "config"; // to a reload, which is judged after it was acknowledged
    if (text && kind !== "command" && (level === "warn" || answers)) toast(text, level !== "warn");
  });
  if (location.hash.includes("token=")) {
    const answer = await enter();
    if (!answer.ok) toast(answer.reason, false);
  }
  if (is_another()) toast("another show answers here: this page was loaded again for it", false);
  connect();
  await show(VIEWS[location.pathname] ? location.pathname : "/", false);
}

start();
