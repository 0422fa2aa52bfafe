/**
 * The upper bounds of message size buckets, in bytes, for systems that require explicit buckets.
 */
export const SIZE_BUCKETS = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];

/** The upper bounds of duration buckets, in seconds. */
export const DURATION_BUCKETS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
