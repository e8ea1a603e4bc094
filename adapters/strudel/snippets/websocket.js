// No MIDI port: the controls come over a WebSocket (bridge midi_ws), and are 0.5 until the first arrives.
globalThis.choreoSocket ??= { values: {}, connect(url) {
  const socket = this.socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => {
    const [status, number, value] = new Uint8Array(data)
    this.values[number] = value / 127
  }
  socket.onclose = () => setTimeout(() => this.connect(url), 1000)
} }
choreoSocket.socket || choreoSocket.connect('ws://127.0.0.1:8790/midi')
const cc = (number) => ref(() => choreoSocket.values[number] ?? .5)
