// A strip chart over uPlot: fixed-length typed arrays shifted in place, one draw per animation frame.

const SPAN_S = 20;
const LIBRARY = "/static/vendor/uplot-1.6.32.min.js";
let library = null;

/** uPlot is a classic script: loaded once, only by pages that draw. */
export function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

export class Strip {
  /** `lines`: [{label, stroke, dash}]; `range` fixed [lo, hi], or null: each line fills the height by its own range. */
  constructor(box, lines, { points = 600, range = null, height = 200 } = {}) {
    this.box = box;
    this.range = range;
    this.height = height;
    this.x = new Float64Array(points);
    this.raw = lines.map(() => new Float32Array(points));
    this.shown = range ? this.raw : lines.map(() => new Float32Array(points));
    this.filled = 0;
    const ink = getComputedStyle(document.documentElement);
    const axis = { stroke: ink.getPropertyValue("--soft"), grid: { stroke: ink.getPropertyValue("--rule"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    this.plot = new globalThis.uPlot({
      width: Math.max(120, box.clientWidth),
      height,
      cursor: { show: false },
      legend: { show: false },
      pxAlign: false,
      scales: { x: { time: false, range: [-SPAN_S, 0] }, y: { range: range ?? [-0.05, 1.05] } },
      axes: [{ ...axis, incrs: [1, 2, 5], values: (_, ticks) => ticks.map((t) => (t ? `${t} s` : "now")), size: 28 }, { ...axis, size: 38, show: !!range }],
      series: [{}, ...lines.map((line) => ({ stroke: line.stroke, dash: line.dash, width: 2, points: { show: false }, spanGaps: true, show: line.show ?? true }))],
    }, [[], ...lines.map(() => [])], box);
    this.resizing = new ResizeObserver(() => this.plot.setSize({ width: Math.max(120, box.clientWidth), height }));
    this.resizing.observe(box);
  }

  toggle(index, show) {
    this.plot.setSeries(index + 1, { show });
  }

  push(t, values) {
    this.x.copyWithin(0, 1);
    this.x[this.x.length - 1] = t;
    this.raw.forEach((line, i) => {
      line.copyWithin(0, 1);
      line[line.length - 1] = values[i];
    });
    this.filled = Math.min(this.x.length, this.filled + 1);
  }

  draw() {
    const from = this.x.length - this.filled;
    if (this.filled < 2) return;
    if (!this.range) this.raw.forEach((line, i) => scale(line, this.shown[i], from));
    const last = this.x[this.x.length - 1];
    const x = this.x.subarray(from).map((t) => t - last);
    this.plot.setData([x, ...this.shown.map((line) => line.subarray(from))]);
  }

  close() {
    this.resizing.disconnect();
    this.plot.destroy();
  }
}

function scale(from, to, start) {
  let lo = Infinity;
  let hi = -Infinity;
  for (let i = start; i < from.length; i++) {
    if (from[i] < lo) lo = from[i];
    if (from[i] > hi) hi = from[i];
  }
  const span = hi - lo || 1;
  for (let i = start; i < from.length; i++) to[i] = hi > lo ? (from[i] - lo) / span : 0.5;
}
