import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { UnsupportedError } from '../errors.js';
import { codeOf, STREAM_NOT_FOUND } from './natsFaults.js';

/** The configuration with which a stream is made. JetStream can change the limits later. */
export interface StreamDefinition extends Pick<StreamConfig, 'name' | 'subjects' | 'storage' | 'num_replicas' | 'discard'> {
  readonly limits: StreamLimits;
}

export type StreamLimits = Pick<StreamConfig, 'max_msgs_per_subject' | 'max_bytes' | 'max_age' | 'duplicate_window'> &
  Partial<Pick<StreamConfig, 'republish'>>;

/** Returns the manager of the streams, whose requests have this timeout in ms. */
export type OpenManager = (timeout?: number) => Promise<JetStreamManager>;

/**
 * Creates the stream if it does not exist, and updates its limits if they differ.
 *
 * @param timeout How long its creation may take, in ms: the answer comes when the stream has
 *   elected its first leader.
 * @throws {UnsupportedError} Delivered, if there is a stream of this name with other subjects.
 */
export async function openStream(manager: OpenManager, { limits, ...fixed }: StreamDefinition, timeout: number): Promise<StreamInfo> {
  const { streams } = await manager();
  const { name, subjects } = fixed;
  try {
    const info = await streams.info(name);
    const missing = subjects.find((subject) => !info.config.subjects.includes(subject));
    if (missing !== undefined)
      throw new UnsupportedError(`the stream ${name} belongs to another application: it has no subject ${missing}`);
    return hasLimits(info.config, limits) ? info : await streams.update(name, limits);
  } catch (error) {
    if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
    return (await manager(timeout)).streams.add({ ...fixed, ...limits });
  }
}

const nanos = (ms: number): number => Math.round(ms * 1e6);
const orUnlimited = (limit: number): number => (Number.isFinite(limit) ? limit : -1);

/** The shortest window that NATS allows, in ms. No stream of rxwire lets NATS detect duplicates. */
const DUPLICATE_WINDOW = 100;

/**
 * Returns the limits of a stream: the number of messages of a subject, the size of all in bytes,
 * and their age in ms. Each may be `Infinity`.
 */
export function limitsOf(maxMessages: number, maxBytes: number, maxAge: number): StreamLimits {
  return {
    max_msgs_per_subject: orUnlimited(maxMessages),
    max_bytes: orUnlimited(maxBytes),
    max_age: Number.isFinite(maxAge) ? nanos(maxAge) : 0,
    duplicate_window: nanos(Math.min(DUPLICATE_WINDOW, maxAge)),
  };
}

function hasLimits({ republish, ...config }: StreamLimits, { republish: wanted, ...limits }: StreamLimits): boolean {
  const isRepublished = republish?.src === wanted?.src && republish?.dest === wanted?.dest;
  return isRepublished && (Object.keys(limits) as (keyof typeof limits)[]).every((name) => config[name] === limits[name]);
}
