import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { UnsupportedError } from '../errors.js';
import type { NatsContext } from './natsContext.js';
import { codeOf, STREAM_NOT_FOUND } from './natsFaults.js';

const nanos = (ms: number): number => Math.round(ms * 1e6);
const orUnlimited = (limit: number): number => (Number.isFinite(limit) ? limit : -1);

/** Creates the stream if it does not exist, and updates its limits if they differ. */
export async function openStream(context: NatsContext): Promise<StreamInfo> {
  const { stream, storage, replicas, subjects, timeout } = context;
  const { streams } = await context.manager();
  const settings = settingsOf(context);
  try {
    const info = await streams.info(stream);
    const missing = subjects.all.find((subject) => !info.config.subjects.includes(subject));
    if (missing !== undefined) throw new UnsupportedError(`the stream ${stream} is another's: it has no subject ${missing}`);
    return hasSettings(info.config, settings) ? info : await streams.update(stream, settings);
  } catch (error) {
    if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
    const config = { name: stream, subjects: [...subjects.all], storage, num_replicas: replicas, discard: 'old' as const };
    // The answer comes when the stream has elected its first leader.
    return (await context.manager(timeout)).streams.add({ ...config, ...settings });
  }
}

type Settings = Pick<StreamConfig, 'max_msgs_per_subject' | 'max_bytes' | 'max_age' | 'duplicate_window' | 'republish'>;

/** The shortest window that NATS allows, in ms. The log detects duplicates itself. */
const DUPLICATE_WINDOW = 100;

function settingsOf({ maxMessages, maxTotalBytes, maxAge, subjects }: NatsContext): Settings {
  return {
    max_msgs_per_subject: orUnlimited(maxMessages),
    max_bytes: orUnlimited(maxTotalBytes),
    max_age: Number.isFinite(maxAge) ? nanos(maxAge) : 0,
    duplicate_window: nanos(Math.min(DUPLICATE_WINDOW, maxAge)),
    republish: { ...subjects.republish },
  };
}

function hasSettings({ republish, ...config }: Settings, { republish: wanted, ...settings }: Settings): boolean {
  const isRepublished = republish?.src === wanted?.src && republish?.dest === wanted?.dest;
  return isRepublished && (Object.keys(settings) as (keyof typeof settings)[]).every((name) => config[name] === settings[name]);
}
