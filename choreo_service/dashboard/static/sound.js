// A small instrument of our own, so that a show can be heard before anything else is connected.
// tempo_scale: pace. density: how many notes. tension: how far the harmony leaves home. brightness: the filter. fx_send: echo.

const HOME_BPM = 110;
const AHEAD_S = 0.12;
const STEPS = 16;
const ORDER = [0, 8, 4, 12, 2, 10, 6, 14, 3, 11, 7, 15, 1, 9, 5, 13]; // which steps sound first as density grows
const CALM = [0, 7, 12, 4, 9, 16];
const TENSE = [0, 6, 13, 3, 10, 15];
const ROOTS = [45, 45, 41, 43]; // A A F G, a bar each

export class Instrument {
  constructor(controls) {
    this.controls = controls; // names and ranges, as the hello gives them
    this.position = [0.5, 0.3, 0.3, 0.5, 0];
    this.on = false;
  }

  async start() {
    const audio = (this.audio = new AudioContext({ latencyHint: "interactive" }));
    await audio.resume();
    this.out = new GainNode(audio, { gain: 0 });
    this.filter = new BiquadFilterNode(audio, { type: "lowpass", frequency: 800, Q: 1.2 });
    this.send = new GainNode(audio, { gain: 0 });
    const echo = new DelayNode(audio, { delayTime: 0.36, maxDelayTime: 1 });
    const again = new GainNode(audio, { gain: 0.46 });
    const limit = new DynamicsCompressorNode(audio, { threshold: -14, ratio: 6 });
    this.ear = new AnalyserNode(audio, { fftSize: 2048, smoothingTimeConstant: 0.5 });
    this.filter.connect(this.out);
    this.filter.connect(this.send).connect(echo).connect(again).connect(echo);
    echo.connect(this.out);
    this.out.connect(limit).connect(this.ear).connect(audio.destination);
    this.out.gain.linearRampToValueAtTime(0.6, audio.currentTime + 0.3);
    this.step = 0;
    this.next_s = audio.currentTime + 0.1;
    this.on = true;
    this.timer = setInterval(() => this.schedule(), 30);
  }

  async stop() {
    this.on = false;
    clearInterval(this.timer);
    this.out.gain.setTargetAtTime(0, this.audio.currentTime, 0.06);
    await new Promise((resolve) => setTimeout(resolve, 350));
    await this.audio.close();
  }

  /** The controls as the hot frame brings them. */
  play(values) {
    this.position = values.map((v, i) => Math.min(1, Math.max(0, (v - this.controls[i].lo) / (this.controls[i].hi - this.controls[i].lo))));
    this.tempo = values[0];
    if (!this.on) return;
    const at = this.audio.currentTime;
    this.filter.frequency.setTargetAtTime(180 * 2 ** (5.2 * this.position[3]), at, 0.05);
    this.send.gain.setTargetAtTime(0.75 * this.position[4], at, 0.04);
  }

  schedule() {
    const step_s = 60 / (HOME_BPM * Math.min(2, Math.max(0.5, this.tempo ?? 1))) / 4;
    if (this.next_s < this.audio.currentTime - 0.5) this.next_s = this.audio.currentTime; // the tab slept
    while (this.next_s < this.audio.currentTime + AHEAD_S) {
      this.sound(this.step, this.next_s, step_s);
      this.step += 1;
      this.next_s += step_s;
    }
  }

  sound(step, at, step_s) {
    const [, density, tension] = this.position;
    const here = step % STEPS;
    const root = ROOTS[Math.floor(step / STEPS) % ROOTS.length];
    if (here === 0) this.note(root - 12, at, step_s * 12, 0.5, "triangle");
    if (ORDER.indexOf(here) >= 1 + Math.round(density * 13)) return;
    const degree = (here * 5) % CALM.length;
    const scale = degree / CALM.length < tension ? TENSE : CALM;
    this.note(root + 12 + scale[degree], at, step_s * (2.5 - 1.5 * density), here % 4 === 0 ? 0.34 : 0.22, "sawtooth", 14 * tension);
  }

  note(pitch, at, length_s, gain, type, detune = 0) {
    const { audio } = this;
    const voice = new OscillatorNode(audio, { type, frequency: 440 * 2 ** ((pitch - 69) / 12), detune });
    const shape = new GainNode(audio, { gain: 0 });
    shape.gain.setValueAtTime(0, at);
    shape.gain.linearRampToValueAtTime(gain, at + 0.008);
    shape.gain.setTargetAtTime(0, at + 0.03, length_s / 3);
    voice.connect(shape).connect(this.filter);
    voice.start(at);
    voice.stop(at + length_s + 0.4);
  }

  /** What is heard just now: loudness and, in Hz, where its energy lies. */
  heard() {
    if (!this.on) return { rms: 0, centroid: 0 };
    const wave = new Float32Array(this.ear.fftSize);
    this.ear.getFloatTimeDomainData(wave);
    const bins = new Float32Array(this.ear.frequencyBinCount);
    this.ear.getFloatFrequencyData(bins);
    let [sum, weighted] = [0, 0];
    bins.forEach((db, i) => { const power = 10 ** (db / 10); sum += power; weighted += power * i; });
    return { rms: Math.sqrt(wave.reduce((a, x) => a + x * x, 0) / wave.length), centroid: sum ? (weighted / sum) * this.audio.sampleRate / this.ear.fftSize : 0 };
  }
}
