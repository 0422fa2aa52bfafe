import type { EnvelopeOptions } from '../envelope/envelopeOptions.js';
import type { EndpointOptions } from '../session/endpointOptions.js';
import type { ReconnectOptions } from '../session/reconnect.js';

type Envelope = Omit<EnvelopeOptions, 'delivery' | 'reconnect' | 'greeting' | 'listening$' | 'unsendable$' | 'report' | 'signals$'>;
type Endpoint = Omit<EndpointOptions, 'id' | 'delivery' | 'listening$' | 'isWatched' | 'report'>;

/**
 * What `connect` and `listen` have in common. `ackTimeout`, `maxRetries`, `maxHeld`, `dedupeTtl` and `dedupeSize` are for the envelope
 * protocol, which needs them.
 */
export interface WireOptions extends Endpoint, Envelope {
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
}
