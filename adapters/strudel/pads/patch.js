// choreo: pads - slow chords that breathe
// MIT licence, see LICENSE of choreo-service
const cc = await midin('choreo')
const tempo = cc(20).range(.375, .625) // 90 to 150 bpm
const density = cc(21)
const tension = cc(22)
const brightness = cc(23)
const fx = cc(24)

$: chord('<Cm9 Abmaj7 Fm7 Bb7>').voicing() // dense or sparse, but never silent
  .s('supersaw').unison(5)
  .segment(density.range(1, 8.99).floor())
  .attack(.03).decay(.3).sustain(.6).release(.25)
  .detune(tension.range(.02, .9)).lpq(tension.range(0, 9))
  .lpf(brightness.range(250, 6000))
  .gain(density.range(.4, .52)).postgain(.75)
  .room(fx.range(0, .9)).roomsize(5)
  .delay(fx.range(0, .6)).delaytime(.25).delayfeedback(.4)
  .orbit(1)

all(x => x.cps(tempo))
