import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { UnsupportedError } from '../errors.js';
import { codeOf, STREAM_NOT_FOUND, type NatsContext } from './natsContext.js';

const nanos = (ms: number): number => Math.round(ms * 1e6);
const orUnlimited = (limit: number): number => (Number.isFinite(limit) ? limit : -1);

/** Creates the stream if it does not exist, and updates its limits if they differ. */
export async function openStream(context: NatsContext): Promise<StreamInfo> {
  const { stream, storage, replicas, subjects } = context;
  const { streams } = await context.manager();
  const limits = limitsOf(context);
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

function limitsOf({ maxMessages, maxTotalBytes, maxAge, dedupeWindow }: NatsContext): Limits {
  return {
    max_msgs_per_subject: orUnlimited(maxMessages),
    max_bytes: orUnlimited(maxTotalBytes),
    max_age: Number.isFinite(maxAge) ? nanos(maxAge) : 0,
    // NATS allows no window longer than the age of messages.
    duplicate_window: nanos(Math.min(dedupeWindow, maxAge)),
  };
}

function hasLimits(config: Limits, limits: Limits): boolean {
  return (Object.keys(limits) as (keyof Limits)[]).every((name) => config[name] === limits[name]);
}
