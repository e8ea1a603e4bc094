"""The page's own style: light and dark by the reader's setting, one column, prints on white."""

from __future__ import annotations

from typing import Final

CSS: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1b1b; --soft: #5c5c5c; --line: #d5d5d5; --wash: #f4f4f2;
  --pass: #00694d; --fail: #b34700; --blue: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16171a; --ink: #ececec; --soft: #a9a9a9; --line: #3a3c40; --wash: #202226;
    --pass: #4fd1a5; --fail: #ff9d5c; --blue: #4aa8e0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p, figcaption, li { max-width: 44rem; }
.facts, figcaption, .about { color: var(--soft); font-size: .9rem; }
.facts { margin: 0 0 1.5rem; overflow-wrap: anywhere; }
.gates { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; }
.gates li { max-width: none; border: 1px solid var(--line); border-left: .3rem solid var(--soft); border-radius: .25rem;
  padding: .5rem .75rem; background: var(--wash); }
.gates li.pass { border-left-color: var(--pass); }
.gates li.fail { border-left-color: var(--fail); }
.gates b { margin-right: .5rem; }
.gates .verdict { font-weight: 600; color: var(--soft); }
.gates .pass .verdict { color: var(--pass); }
.gates .fail .verdict { color: var(--fail); }
.gates small { display: block; color: var(--soft); font-size: .85rem; }
code { font-size: .9em; white-space: nowrap; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--soft); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
.word-pass { color: var(--pass); font-weight: 600; }
.word-fail { color: var(--fail); font-weight: 600; }
figure { margin: 1rem 0 0; }
figure svg { display: block; width: 100%; min-width: 36rem; height: auto; }
@media print {
  :root { --paper: #ffffff; --ink: #1b1b1b; --soft: #5c5c5c; --line: #d5d5d5; --wash: #f4f4f2;
    --pass: #00694d; --fail: #b34700; --blue: #0072b2; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  figure, table, .gates li { break-inside: avoid; }
  h2, .about { break-after: avoid; }
  .wide { overflow: visible; }
  figure svg { min-width: 0; }
}
""".strip()
