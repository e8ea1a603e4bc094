// Before Strudel is loaded: a MIDI system whose inputs the test plays, and an ear at the end of every audio context.
window.rig = {
  log: [], // what Strudel said
  errors: [], // what it could not do
  say(text) { this.log.push(text) },
  inputs: new Map(),
  outputs: new Map(),
  tap: null, // AudioWorkletNode that hears what goes to the speakers
  blocks: [], // {frame, left, right}
}

window.process = { env: { NODE_ENV: 'production' } } // what bundlers, which Strudel's MIDI is built for, put there

class Input {
  constructor(name) {
    Object.assign(this, { id: name, name, manufacturer: 'rig', version: '1', type: 'input', state: 'connected' })
    Object.assign(this, { connection: 'open', onmidimessage: null, onstatechange: null, heard: 0, arrivals: [] })
  }
  async open() { return this }
  async close() { return this }
  addEventListener() {}
  removeEventListener() {}
  receive(data) {
    this.heard += 1
    this.arrivals.push({
      seconds: window.strudel.getAudioContext().currentTime, // on the clock of the samples
      unix: (performance.timeOrigin + performance.now()) / 1000, // on the clock of the machine
      data: [...data],
    })
    this.onmidimessage?.({ type: 'midimessage', target: this, timeStamp: performance.now(), data })
  }
}

// What Strudel sends leaves the page by a WebSocket, each message at the time it is meant for.
class Output {
  constructor(name) {
    Object.assign(this, { id: name, name, manufacturer: 'rig', version: '1', type: 'output', state: 'connected' })
    Object.assign(this, { connection: 'open', onstatechange: null, socket: null })
  }
  async open() { return this }
  async close() { return this }
  addEventListener() {}
  removeEventListener() {}
  send(data, at = 0) {
    const wait = at - performance.now()
    const leave = () => this.socket?.readyState === WebSocket.OPEN && this.socket.send(Uint8Array.from(data))
    if (wait > 0) setTimeout(leave, wait)
    else leave()
  }
}

for (const name of ['choreo', 'choreo notes']) window.rig.inputs.set(name, new Input(name))
window.rig.outputs.set('clock', new Output('clock'))
Object.defineProperty(navigator, 'requestMIDIAccess', {
  value: async () => ({ inputs: window.rig.inputs, outputs: window.rig.outputs, sysexEnabled: true, onstatechange: null }),
})

const connect = AudioNode.prototype.connect
AudioNode.prototype.connect = function (target, ...rest) {
  const ear = window.rig.tap
  if (ear && target instanceof AudioDestinationNode && ear.context === this.context && ear !== this) {
    connect.call(this, ear)
  }
  return connect.call(this, target, ...rest)
}

window.addEventListener('error', (event) => window.rig.errors.push(String(event.message)))
window.addEventListener('unhandledrejection', (event) => window.rig.errors.push(String(event.reason)))
for (const level of ['log', 'warn', 'error', 'info', 'debug']) {
  const print = console[level].bind(console)
  console[level] = (...words) => { window.rig.say(words.map(String).join(' ')); print(...words) }
}
