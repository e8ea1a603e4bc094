// Posts what it hears in blocks of 4096 frames, each with the frame it began at: a lost block would be seen.
registerProcessor('tap', class extends AudioWorkletProcessor {
  constructor() {
    super()
    this.start()
  }
  start() {
    this.block = { frame: null, left: new Float32Array(4096), right: new Float32Array(4096) }
    this.filled = 0
  }
  process([input]) {
    this.block.frame ??= currentFrame
    if (input.length) {
      this.block.left.set(input[0], this.filled)
      this.block.right.set(input[1] ?? input[0], this.filled)
    }
    this.filled += 128
    if (this.filled === 4096) {
      this.port.postMessage(this.block)
      this.start()
    }
    return true
  }
})
