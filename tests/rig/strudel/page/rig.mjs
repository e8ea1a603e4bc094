// What the test calls: start, play, listen, render, receive MIDI from choreo.
import { WebMidi, midikeys, midin } from '/npm/@strudel/midi/dist/index.mjs'

const { rig, strudel } = window
Object.assign(globalThis, { WebMidi, midikeys, midin })
const SAMPLE_RATE = 44100

async function start() {
  const ac = strudel.getAudioContext()
  await ac.audioWorklet.addModule('tap.js')
  rig.tap = new AudioWorkletNode(ac, 'tap', { numberOfOutputs: 1 })
  rig.tap.port.onmessage = ({ data }) => rig.blocks.push(data)
  rig.tap.connect(ac.destination) // its silence keeps it running
  rig.repl = await strudel.initStrudel({ onEvalError: (error) => rig.errors.push(String(error)) })
  await strudel.initAudio()
  await ac.resume()
}

// Text of the error, '' when the patch plays.
rig.play = async (code, autostart = true) => {
  const before = rig.errors.length
  rig.pattern = await rig.repl.evaluate(code, autostart)
  return rig.errors.slice(before).join('; ')
}

rig.stop = () => rig.repl.stop()

// The events of cycles 0 to `cycles`: [{begin, end, value}] with times in cycles.
rig.events = (cycles) => rig.pattern.queryArc(0, cycles).filter((hap) => hap.hasOnset()).map((hap) => ({
  begin: hap.whole.begin.valueOf(), end: hap.whole.end.valueOf(), value: hap.value,
}))

rig.midi = (port, ...bytes) => rig.inputs.get(port).receive(Uint8Array.from(bytes))

// Let choreo's WebSocket play one of the inputs.
rig.connect = (port, url) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => rig.inputs.get(port).receive(new Uint8Array(data))
  socket.onopen = () => resolve(true)
  socket.onerror = () => reject(new Error(`no connection to ${url}`))
})

// Let one of the outputs play into the test.
rig.relay = (port, url) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url)
  rig.outputs.get(port).socket = socket
  socket.onopen = () => resolve(true)
  socket.onerror = () => reject(new Error(`no connection to ${url}`))
})

const base64 = (floats) => {
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
  let text = ''
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  return btoa(text)
}

const joined = (left, right) => ({ rate: SAMPLE_RATE, left: base64(left), right: base64(right) })

// What was heard since the last call: samples, the frame of the first one, and how many frames are missing between.
rig.heard = () => {
  const blocks = rig.blocks.splice(0)
  const whole = (side) => {
    const samples = new Float32Array(blocks.length * 4096)
    blocks.forEach((block, i) => samples.set(block[side], i * 4096))
    return samples
  }
  // A starved Chromium now and then renders one quantum twice (-128 once in 302 s): a frame told twice is not lost.
  const missing = (block, i) => (i ? Math.max(0, block.frame - blocks[i - 1].frame - 4096) : 0)
  const lost = blocks.reduce((sum, block, i) => sum + missing(block, i), 0)
  return { ...joined(whole('left'), whole('right')), frame: blocks[0]?.frame ?? 0, lost, contextRate: rig.tap.context.sampleRate }
}

// The pattern in hand, played into a file: events of cycles 0 to `cycles`, then `tail` seconds. Once per page, as
// superdough keeps nodes of the context it met first.
rig.render = async (cycles, tail) => {
  const haps = rig.pattern.queryArc(0, cycles).filter((hap) => hap.hasOnset())
  const cps = haps[0].value.cps
  const context = new OfflineAudioContext(2, Math.ceil((cycles / cps + tail) * SAMPLE_RATE), SAMPLE_RATE)
  const Controller = strudel.getSuperdoughAudioController().constructor
  strudel.setAudioContext(context)
  strudel.setSuperdoughAudioController(new Controller(context))
  await strudel.initAudio()
  for (const hap of haps) {
    const begin = hap.whole.begin.valueOf()
    await strudel.superdough({ ...hap.value }, begin / cps, hap.duration.valueOf() / cps, cps, begin)
  }
  const buffer = await context.startRendering()
  return { ...joined(buffer.getChannelData(0), buffer.getChannelData(1)), cps, count: haps.length }
}

rig.ready = start()
