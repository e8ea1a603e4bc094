// Accents over the WebSocket: what the body hits sounds at once.
globalThis.choreoNotes ??= { connect(url) {
  const socket = this.socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => {
    const [status, note, velocity] = new Uint8Array(data)
    if ((status & 0xf0) === 0x90) this.hit(velocity / 127)
  }
  socket.onclose = () => setTimeout(() => this.connect(url), 1000)
} }
choreoNotes.hit = (velocity) => superdough( // no noise, no reverb: made at the first hit, they would be too late for it
  { s: 'triangle', note: 76, fmi: 5, fmh: 1.41, decay: .2, sustain: 0, gain: .5, velocity, orbit: 9 },
  getAudioContext().currentTime + .01, .1)
choreoNotes.socket || choreoNotes.connect('ws://127.0.0.1:8790/notes')
