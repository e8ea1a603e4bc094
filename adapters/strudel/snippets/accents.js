// Accents: what the body hits rings 10 ms after the note arrives, not at the next event.
// No noise and no reverb here: Strudel would make them at the first hit, too late for it.
const hits = await midikeys('choreo notes')
$: hits(.1).add(note(40)).s('triangle').fm(5).fmh(1.41).decay(.2).sustain(0).gain(.5).orbit(9)
