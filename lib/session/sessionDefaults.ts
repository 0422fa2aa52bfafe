import type { SessionOptions } from '../core/sessionTypes.js';
import { DEFAULTS, type EndpointOptions } from './endpointOptions.js';
import { PING_INTERVAL } from './endpointOptions.js';

/** Returns the options of a core that are those of an endpoint, or their defaults. */
export function sessionDefaults(options: EndpointOptions): Omit<SessionOptions, 'id' | 'codecs' | 'secret'> {
  const { ackDelay = DEFAULTS.ackDelay } = options;
  return {
    delivery: options.delivery ?? DEFAULTS.delivery,
    window: options.window ?? DEFAULTS.window,
    bytes: options.windowBytes ?? DEFAULTS.windowBytes,
    maxFrame: options.maxFrame ?? DEFAULTS.maxFrame,
    maxQueued: options.maxQueued ?? DEFAULTS.maxQueued,
    overflow: options.overflow ?? DEFAULTS.overflow,
    maxBadFrames: options.maxBadFrames ?? DEFAULTS.maxBadFrames,
    handshakeTimeout: options.helloTimeout ?? DEFAULTS.helloTimeout,
    pingInterval: PING_INTERVAL,
    ackDelayOf: () => ackDelay,
  };
}
