// The bundle of @strudel/web is one global; a second @strudel/core beside it would be a second class of patterns.
export const {
  Pattern, isPattern, getControlName, noteToMidi, getIsStarted, getCps, getPattern, getTriggerFunc, getTime,
  TimeSpan, Hap, ref, reify, getAudioContext,
} = window.strudel
export const logger = (...words) => window.rig.say(words.join(' ')) // the bundle doesn't export its own
