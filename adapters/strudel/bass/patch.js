// choreo: bass - a root that stays and a line that comes and goes
// MIT licence, see LICENSE of choreo-service
const cc = await midin('choreo')
const tempo = cc(20).range(.375, .625) // 90 to 150 bpm
const density = cc(21)
const tension = cc(22)
const brightness = cc(23)
const fx = cc(24)

$: note('<c2 c2 ab1 bb1>*2') // the anchor: never dropped
  .s('sawtooth').decay(.5).sustain(.4).gain(.6)
  .lpf(brightness.range(120, 2500)).lpq(tension.range(0, 10))
  .orbit(1)

$: note('c3 g2 c3 eb3 g2 c3 bb2 g3')
  .s('sawtooth').decay(.16).sustain(.1).gain(.6)
  .degradeBy(density.range(1, 0))
  .lpf(brightness.range(150, 3500)).lpq(tension.range(0, 14))
  .distort(tension.range(0, 1)).postgain(tension.range(.8, .55))
  .delay(fx.range(0, .7)).delaytime(.1875).delayfeedback(.5)
  .orbit(2)

all(x => x.cps(tempo))
