// choreo: fx - crackle and swells of noise, to lie under anything
// MIT licence, see LICENSE of choreo-service
const cc = await midin('choreo')
const tempo = cc(20).range(.375, .625) // 90 to 150 bpm
const density = cc(21)
const tension = cc(22)
const brightness = cc(23)
const fx = cc(24)

$: s('crackle*8') // the anchor: never dropped
  .density(density.range(.02, .5)).decay(.2).sustain(.3)
  .gain(1.6)
  .lpf(brightness.range(800, 14000))
  .room(fx.range(0, .9)).roomsize(4)
  .orbit(1)

$: s('pink*8')
  .degradeBy(density.range(.8, 0))
  .attack(.08).decay(.15).sustain(0)
  .bpf(brightness.range(300, 6000)).bpq(tension.range(1, 12))
  .coarse(tension.range(1, 8.99).floor()).postgain(tension.range(3, 20))
  .delay(fx.range(0, .8)).delaytime(.1875).delayfeedback(.55)
  .room(fx.range(0, .9)).roomsize(4)
  .orbit(2)

all(x => x.cps(tempo))
