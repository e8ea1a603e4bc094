// choreo: drums - kick, hats, snare
// MIT licence, see LICENSE of choreo-service
const cc = await midin('choreo')
const tempo = cc(20).range(.375, .625) // 90 to 150 bpm
const density = cc(21)
const tension = cc(22)
const brightness = cc(23)
const fx = cc(24)

$: s('sbd*4').gain(tension.range(.4, .58)).decay(.4).orbit(1) // the anchor: never dropped

$: s('white*16')
  .decay("<.04 .04 .12 .04>*16").sustain(0).hpf(900)
  .degradeBy(density.range(.95, 0))
  .gain(brightness.range(.08, .22))
  .lpf(brightness.range(1500, 14000))
  .room(fx.range(0, .8)).roomsize(3)
  .orbit(2)

$: s('~ pink ~ pink')
  .ply(tension.range(1, 3.99).floor()) // rolls at high tension
  .decay(.14).sustain(0).distort(tension.range(0, 2))
  .gain(.26).postgain(tension.range(.7, .5))
  .lpf(brightness.range(500, 9000))
  .room(fx.range(0, .8)).roomsize(3)
  .orbit(3)

all(x => x.cps(tempo))
