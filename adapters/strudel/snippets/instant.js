// Instant: brightness also moves a low-pass over everything, 2 ms after its message. Off again: choreoInstant.remove()
globalThis.choreoInstant?.remove() // evaluated again, it must not stand there twice
globalThis.choreoInstant = (() => {
  const ac = getAudioContext(), out = getSuperdoughAudioController().output.destinationGain
  const filter = new BiquadFilterNode(ac, { type: 'lowpass', frequency: 18000 })
  const input = WebMidi.inputs.find((port) => port.name.includes('choreo'))
  const hear = ({ dataBytes }) => dataBytes[0] === 23 &&
    filter.frequency.setTargetAtTime(500 * 36 ** (dataBytes[1] / 127), ac.currentTime, .01)
  out.disconnect()
  out.connect(filter).connect(ac.destination)
  input.addListener('midimessage', hear)
  return { filter, remove() {
    input.removeListener('midimessage', hear)
    filter.disconnect()
    out.disconnect()
    out.connect(ac.destination)
    delete globalThis.choreoInstant
  } }
})()
