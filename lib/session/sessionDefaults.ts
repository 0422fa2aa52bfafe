import type { SessionOptions } from '../core/sessionTypes.js';
import { PING_INTERVAL, type FullEndpointOptions } from './endpointOptions.js';

/** Returns the options of a core that are those of an endpoint. */
export function sessionDefaults(options: FullEndpointOptions): Omit<SessionOptions, 'id' | 'codecs' | 'secret'> {
  const { delivery = 'at-least-once', window, maxFrame, maxQueued, overflow, maxBadFrames, ackDelay } = options;
  return {
    delivery,
    window,
    bytes: options.windowBytes,
    maxFrame,
    maxQueued,
    overflow,
    maxBadFrames,
    handshakeTimeout: options.helloTimeout,
    pingInterval: PING_INTERVAL,
    ackDelayOf: () => ackDelay,
  };
}
