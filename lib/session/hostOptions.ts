import type { Codec } from '../codec/codec.js';
import type { ByteCounts } from './byteCounts.js';
import type { EndpointOptions } from './endpointOptions.js';
import type { SessionLoop } from './sessionLoop.js';
import type { StoreWrites } from './storeWrites.js';

/** The options that hosts may share. */
export interface HostOptions extends EndpointOptions {
  /** The codecs of this side, the best first. */
  readonly codecs: readonly Codec[];
}

/** The options of one host. */
export interface HostSide extends Pick<EndpointOptions, 'isWatched' | 'followsSteps' | 'report' | 'keep'> {
  /** Runs the host. @default a loop of its own */
  readonly loop?: SessionLoop;
  /** Runs the writes of the session. @default the session has no stores */
  readonly stores?: StoreWrites | undefined;
  /** Counts the bytes of frames. @default not counted */
  readonly traffic?: ByteCounts | undefined;
}
