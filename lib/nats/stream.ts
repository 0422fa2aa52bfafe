import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { UnsupportedError } from '../errors.js';
import { codeOf, STREAM_NOT_FOUND, type Broker } from './broker.js';

const nanos = (ms: number): number => Math.round(ms * 1e6);
const orUnlimited = (limit: number): number => (Number.isFinite(limit) ? limit : -1);

/** Makes the stream where there is none, and gives it our limits where it has others. */
export async function openStream(broker: Broker): Promise<StreamInfo> {
  const { stream, storage, replicas, subjects } = broker;
  const { streams } = await broker.manager();
  const limits = limitsOf(broker);
  try {
    const info = await streams.info(stream);
    const missing = subjects.all.find((subject) => !info.config.subjects.includes(subject));
    if (missing !== undefined) throw new UnsupportedError(`the stream ${stream} is another's: it has no subject ${missing}`);
    return hasLimits(info.config, limits) ? info : await streams.update(stream, limits);
  } catch (error) {
    if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
    const config = { name: stream, subjects: [...subjects.all], storage, num_replicas: replicas, discard: 'old' as const };
    return streams.add({ ...config, ...limits });
  }
}

type Limits = Pick<StreamConfig, 'max_msgs_per_subject' | 'max_bytes' | 'max_age' | 'duplicate_window'>;

function limitsOf({ maxMessages, maxTotalBytes, maxAge, dedupeWindow }: Broker): Limits {
  return {
    max_msgs_per_subject: orUnlimited(maxMessages),
    max_bytes: orUnlimited(maxTotalBytes),
    max_age: Number.isFinite(maxAge) ? nanos(maxAge) : 0,
    // It may not be longer than messages are kept.
    duplicate_window: nanos(Math.min(dedupeWindow, maxAge)),
  };
}

function hasLimits(config: Limits, limits: Limits): boolean {
  return (Object.keys(limits) as (keyof Limits)[]).every((name) => config[name] === limits[name]);
}
