// choreo: core - kick, hats, bass, arpeggio
// MIT licence, see LICENSE of choreo-service
const cc = await midin('choreo')
const tempo = cc(20).range(.375, .625) // 90 to 150 bpm
const density = cc(21)
const tension = cc(22)
const brightness = cc(23)
const fx = cc(24)

$: s('sbd*4').gain(.55).decay(.35).orbit(1) // the anchor: never dropped

$: s('white*16')
  .decay(.05).sustain(0).hpf(5000)
  .degradeBy(density.range(.95, 0))
  .gain(brightness.range(.06, .3))
  .lpf(brightness.range(6000, 14000))
  .room(fx.range(0, .5)).roomsize(3)
  .orbit(2)

$: note('c2 c2 eb2 c2 c2 g1 bb1 c2')
  .s('sawtooth').decay(.22).sustain(.3).gain(.32)
  .lpf(brightness.range(250, 3000)).lpq(tension.range(0, 12))
  .orbit(3)

$: n('0 2 4 7 4 2 9 7 0 4 2 7 11 9 7 4').scale('c4:minor')
  .add(note(tension.gt(.66))) // a semitone above at high tension
  .s('triangle').fm(tension.range(0, 6)).fmh(1.5).decay(.15).sustain(0)
  .degradeBy(density.range(.9, 0))
  .lpf(brightness.range(600, 9000))
  .gain(.3)
  .room(fx.range(0, .8)).roomsize(4)
  .delay(fx.range(0, .6)).delaytime(.1875).delayfeedback(.45)
  .orbit(4)

all(x => x.cps(tempo))
