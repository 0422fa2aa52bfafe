import type { Watcher } from '../core/watcher.js';
import type { Codec } from '../codec/codec.js';
import type { ByteCounts } from './byteCounts.js';
import type { EndpointOptions, FullEndpointOptions } from './endpointOptions.js';

/** The options that hosts may share. */
export interface HostOptions extends FullEndpointOptions {
  /** The codecs of this side, the best first. */
  readonly codecs: readonly Codec[];
}

/** The user of one host: the parts of a wire, or the options of a session without one. */
export interface HostUser extends Watcher, Pick<EndpointOptions, 'report' | 'keep'> {
  /** Counts the bytes of frames. @default not counted */
  readonly traffic?: ByteCounts;
}
