// Generated from choreo_service/packets by `python -m choreo_service.dashboard.wire_types --write`. Do not edit.
// NaN and infinity travel as null. Times are nanoseconds of the machine's monotonic clock; after 104 days of uptime
// (2^53 ns) a JavaScript number rounds them to 2 ns.

export type StreamName = "acceleration" | "linear_acceleration" | "gravity" | "rotation_rate" | "motion_features" | "heart_rate" | "rr_interval" | "heart_features" | "beat" | "tap" | "midi_clock" | "link" | "tempo_policy" | "context" | "recalibrate" | "models";
export type ModalityName = "motion" | "heart" | "beat" | "context";
export type ControlName = "tempo_scale" | "density" | "tension" | "brightness" | "fx_send";

/** One raw sample of one stream, as accepted by Ingress. */
export interface SensorPacket {
  readonly stream: StreamName; // key of STREAMS
  readonly performer: number; // row of the frame, 0..B-1
  readonly seq: number; // per service, counts accepted packets
  readonly t_ns: number; // ns, the one stamp, put by Ingress; alone decides the tick
  readonly rx_ns: number; // ns, same clock, at most t_ns: when it was measured or received, as far as known; time axis of features
  readonly source_ns: number | null; // ns, the device's own clock; never compared with t_ns directly
  readonly source_id: string; // who sent it: adapter name plus peer, and the limb that wears it: "phone:192.0.2.20@left"
  readonly values: ReadonlyArray<number>; // SI units of the stream
}

/** All features of one tick for B performers. A modality that is not present keeps its last value. */
export interface Frame {
  readonly k: number; // tick number on the grid
  readonly dk: number; // slots since the previous tick; > 1 after a skip
  readonly t_ns: number; // ns, due time of the tick
  readonly motion: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 6]
  readonly heart: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 2]
  readonly beat: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 2]
  readonly context: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 1]
  readonly state: ReadonlyArray<ReadonlyArray<number>>; // [B, 4] ModalityState, in MODALITIES order
  readonly age_s: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 4] s since the last valid sample, inf if never
}

/** The coherent latent of one tick. */
export interface LatentPacket {
  readonly k: number;
  readonly t_ns: number; // ns, due time of the tick
  readonly z: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 104]
  readonly z_norm: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 104], after M2
  readonly coherence: ReadonlyArray<number | null>; // [B], 0..1
  readonly filled: ReadonlyArray<ReadonlyArray<boolean>>; // [B, 4], modality reconstructed from the others
}

/** The five controls of one performer as they go to the bridges, in the ranges of the control map. */
export interface ControlPacket {
  readonly k: number;
  readonly t_ns: number; // ns, due time of the tick
  readonly performer: number;
  readonly tempo_scale: number;
  readonly density: number;
  readonly tension: number;
  readonly brightness: number;
  readonly fx_send: number;
  readonly held: boolean; // True while a fault makes the engine repeat its last valid output
}

/** Musical time at one tick. */
export interface TempoPacket {
  readonly t_ns: number; // ns, due time of the tick
  readonly bpm: number; // the speed it moves at, corrections of the phase included
  readonly beats: number; // position in the bar, 0..4
  readonly leader: string; // one of LEADERS
  readonly wanted: string; // who leads from the next bar on
  readonly source: string; // what is followed: own, tap, beat, midi_clock, link, body
  readonly scale: number | null; // 0..1, the position of tempo_scale that is this tempo; None unless the body leads
}

/** A hit, jolt or stamp of one performer, as one packet showed it. */
export interface Accent {
  readonly performer: number; // row of the frame, 0..B-1
  readonly seq: number; // of the packet that showed it
  readonly t_ns: number; // ns, stamp of that packet
  readonly rx_ns: number; // ns, its kernel receive time where known, else t_ns
  readonly strength: number; // 0..1
}

/** Everything one tick produced. `timings_ns` is the one field excluded from replay comparison. */
export interface Step {
  readonly frame: Frame;
  readonly latent: LatentPacket | null; // None while the rule mapper plays
  readonly raw: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 5] positions 0..1 as the mapper gave them
  readonly controls: ReadonlyArray<ReadonlyArray<number | null>>; // [B, 5] positions 0..1 after the guards
  readonly held: boolean; // the mapper failed this tick and the last valid output was repeated
  readonly mapper: string; // which mapper played: "rules" or the model's name
  readonly tempo: TempoPacket | null; // None where only frames are known
  readonly timings_ns: Readonly<Record<string, number>>; // ns per section: frame, models, guards
}

/** The object `x-choreo` of packets.schema.json. */
export interface Tables {
  readonly SCHEMA_VERSION: 1;
  readonly LATENT_DIM: 104;
  readonly MODALITY_NAMES: readonly ["motion", "heart", "beat", "context"];
  readonly CONTROL_NAMES: readonly ["tempo_scale", "density", "tension", "brightness", "fx_send"];
  readonly MODALITIES: {
    readonly motion: { readonly name: "motion"; readonly columns: readonly ["motion_energy", "motion_freq", "jerk", "hip_sway", "hip_bounce", "symmetry"]; readonly units: readonly ["m/s^2", "Hz", "m/s^3", "m/s^2", "m/s^2", "0..1"]; readonly expected_hz: 100.0; readonly hold_after_s: 0.1; readonly missing_after_s: 0.3; readonly recover_samples: 5; readonly recover_within_s: 1.0; readonly fade_s: 0.4; readonly latent: readonly [0, 64]; readonly free_running: false };
    readonly heart: { readonly name: "heart"; readonly columns: readonly ["hr", "hr_slope"]; readonly units: readonly ["bpm", "bpm/s"]; readonly expected_hz: 1.0; readonly hold_after_s: 2.5; readonly missing_after_s: 8.0; readonly recover_samples: 3; readonly recover_within_s: 5.0; readonly fade_s: 2.0; readonly latent: readonly [64, 80]; readonly free_running: false };
    readonly beat: { readonly name: "beat"; readonly columns: readonly ["beat_phase", "beat_idx"]; readonly units: readonly ["cycles", "beat in bar"]; readonly expected_hz: 50.0; readonly hold_after_s: 0.5; readonly missing_after_s: 4.0; readonly recover_samples: 1; readonly recover_within_s: 1.0; readonly fade_s: 0.4; readonly latent: readonly [80, 96]; readonly free_running: true };
    readonly context: { readonly name: "context"; readonly columns: readonly ["context"]; readonly units: readonly ["0..1"]; readonly expected_hz: 1.0; readonly hold_after_s: 30.0; readonly missing_after_s: 600.0; readonly recover_samples: 1; readonly recover_within_s: 1.0; readonly fade_s: 0.4; readonly latent: readonly [96, 104]; readonly free_running: false };
  };
  readonly MODALITY_STATES: {
    readonly LIVE: 0;
    readonly HELD: 1;
    readonly RECOVERING: 2;
    readonly MISSING: 3;
  };
  readonly STREAMS: {
    readonly acceleration: { readonly name: "acceleration"; readonly modality: "motion"; readonly width: 3; readonly unit: "m/s^2"; readonly about: "specific force, gravity included (Android: accelerometer)" };
    readonly linear_acceleration: { readonly name: "linear_acceleration"; readonly modality: "motion"; readonly width: 3; readonly unit: "m/s^2"; readonly about: "gravity removed by the device (iOS: userAcceleration)" };
    readonly gravity: { readonly name: "gravity"; readonly modality: "motion"; readonly width: 3; readonly unit: "m/s^2"; readonly about: "gravity vector in the device's frame" };
    readonly rotation_rate: { readonly name: "rotation_rate"; readonly modality: "motion"; readonly width: 3; readonly unit: "rad/s"; readonly about: "gyroscope" };
    readonly motion_features: { readonly name: "motion_features"; readonly modality: "motion"; readonly width: 6; readonly unit: "see MODALITIES"; readonly about: "the six motion columns, from a take without raw motion" };
    readonly heart_rate: { readonly name: "heart_rate"; readonly modality: "heart"; readonly width: 1; readonly unit: "bpm"; readonly about: "heart rate as the strap averages it" };
    readonly rr_interval: { readonly name: "rr_interval"; readonly modality: "heart"; readonly width: 1; readonly unit: "s"; readonly about: "time between two heart beats, one packet per beat" };
    readonly heart_features: { readonly name: "heart_features"; readonly modality: "heart"; readonly width: 2; readonly unit: "bpm, bpm/s"; readonly about: "hr and hr_slope, from a take without raw heart data" };
    readonly beat: { readonly name: "beat"; readonly modality: "beat"; readonly width: 2; readonly unit: "cycles, beat in bar"; readonly about: "musical position: phase 0..1 and integer beat in the bar" };
    readonly tap: { readonly name: "tap"; readonly modality: "beat"; readonly width: 1; readonly unit: "beats"; readonly about: "somebody tapped a beat; 1" };
    readonly midi_clock: { readonly name: "midi_clock"; readonly modality: "beat"; readonly width: 2; readonly unit: "byte, sixteenths"; readonly about: "MIDI clock, start, continue, stop; or a song position" };
    readonly link: { readonly name: "link"; readonly modality: "beat"; readonly width: 2; readonly unit: "beats, bpm"; readonly about: "position and tempo of an Ableton Link session" };
    readonly tempo_policy: { readonly name: "tempo_policy"; readonly modality: "beat"; readonly width: 1; readonly unit: "index"; readonly about: "who leads the tempo from the next bar on, by place in LEADERS" };
    readonly context: { readonly name: "context"; readonly modality: "context"; readonly width: 1; readonly unit: "0..1"; readonly about: "slow intensity of the section" };
    readonly recalibrate: { readonly name: "recalibrate"; readonly modality: ""; readonly width: 1; readonly unit: "s"; readonly about: "learn the performer anew, cross-fading for so long from what was known" };
    readonly models: { readonly name: "models"; readonly modality: ""; readonly width: 1; readonly unit: "fingerprint"; readonly about: "who plays from this tick on: Models.number, 0 for the rules" };
  };
  readonly CONTROLS: {
    readonly tempo_scale: { readonly name: "tempo_scale"; readonly lo: 0.0; readonly hi: 1.0; readonly neutral: 0.5; readonly safe: 0.5; readonly smooth_s: 0.25; readonly rate_per_s: 1.0 };
    readonly density: { readonly name: "density"; readonly lo: 0.0; readonly hi: 1.0; readonly neutral: 0.3; readonly safe: 0.2; readonly smooth_s: 0.03; readonly rate_per_s: 4.0 };
    readonly tension: { readonly name: "tension"; readonly lo: 0.0; readonly hi: 1.0; readonly neutral: 0.5; readonly safe: 0.3; readonly smooth_s: 0.25; readonly rate_per_s: 1.0 };
    readonly brightness: { readonly name: "brightness"; readonly lo: 0.0; readonly hi: 1.0; readonly neutral: 0.5; readonly safe: 0.4; readonly smooth_s: 0.1; readonly rate_per_s: 2.0 };
    readonly fx_send: { readonly name: "fx_send"; readonly lo: 0.0; readonly hi: 1.0; readonly neutral: 0.2; readonly safe: 0.0; readonly smooth_s: 0.03; readonly rate_per_s: 4.0 };
  };
}
