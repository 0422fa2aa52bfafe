/** Upper bounds of the buckets of message sizes, in bytes, for systems that want to be told. */
export const SIZES = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];

/** Upper bounds of the buckets of durations, in seconds. */
export const SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
