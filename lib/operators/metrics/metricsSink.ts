import { assertPositive } from '../../message/development.js';
import { createBoundedLabels } from './boundedLabels.js';

/** The direction of a message: `sent` or `received` by this side. */
export type MessageDirection = 'sent' | 'received';

/**
 * Measured durations: `ack`, from sending a message, or a ping of the session, to its ack;
 * `endToEnd`, from creating a message to receiving it; `queue`, from entering a queue to being
 * started; `reconnect`, from losing a connection to the next one.
 */
export type TimedWork = 'ack' | 'endToEnd' | 'queue' | 'reconnect';

/**
 * Receives measurements: `createMetrics()` of `rxwire/metrics`, an adapter for OpenTelemetry or
 * Prometheus, or a custom one. Its methods are called for each message: they must be fast, and
 * their memory must be bounded for any names.
 */
export interface MetricsSink {
  /** @param size The approximate size in bytes. */
  message(direction: MessageDirection, type: string, size: number): void;
  /**
   * @param code The code of the error if it has one, otherwise its name.
   * @param type The type of the message that the error is about, if the error has it.
   */
  error(code: string, type?: string): void;
  /** @param reason The reason of `ERR_DROPPED`: `overflow`, `expired` or `closed`. */
  drop(reason: string): void;
  /** @param duration In ms. */
  time(work: TimedWork, duration: number): void;
}

export function byWork<T>(make: (work: TimedWork) => T): Readonly<Record<TimedWork, T>> {
  return { ack: make('ack'), endToEnd: make('endToEnd'), queue: make('queue'), reconnect: make('reconnect') };
}

/** A counter, or a histogram if it has buckets. */
interface Instrument {
  /** The name without its prefix, as OpenTelemetry writes names. */
  readonly name: string;
  readonly unit: '{message}' | '{error}' | 'By' | 's';
  readonly description: string;
  readonly labels: readonly string[];
  /** The upper bounds of the buckets. */
  readonly buckets?: number[];
}

const SIZE_BUCKETS = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];
const DURATION_BUCKETS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The options of an adapter for a system of metrics. */
export interface InstrumentOptions {
  /** The prefix of the names of the metrics. @default 'rxwire' */
  readonly prefix?: string;
  /** The maximum number of types, and of codes; the others share `other`. @default 200 */
  readonly maxNames?: number;
}

/**
 * Returns a sink that writes to the instruments of a system of metrics.
 *
 * @param owner The name of the adapter, for errors.
 * @param define Returns a function that creates an instrument. The result of that one is called
 *   once for each set of labels, and returns the function that records values.
 */
export function instrumentSink(
  owner: string,
  { prefix = 'rxwire', maxNames = 200 }: InstrumentOptions,
  define: (prefix: string) => (instrument: Instrument) => (labels: Readonly<Record<string, string>>) => (value: number) => void,
): MetricsSink {
  assertPositive(owner, { maxNames });
  const create = define(prefix);
  const counter = (name: string, unit: Instrument['unit'], description: string, label: string) => {
    const count = create({ name, unit, description, labels: [label] });
    return createBoundedLabels(maxNames, (value) => count({ [label]: value }));
  };
  const messages = create({ name: 'messages', unit: '{message}', description: 'Messages', labels: ['direction', 'type'] });
  const sizeLabels = { labels: ['direction'], buckets: SIZE_BUCKETS };
  const sizes = create({ name: 'message.size', unit: 'By', description: 'Sizes of messages, about', ...sizeLabels });
  const errors = counter('errors', '{error}', 'Errors', 'code');
  const messageErrors = counter('message.errors', '{error}', 'Errors about one message', 'type');
  const drops = counter('drops', '{message}', 'Messages that were dropped', 'reason');
  const description = 'How long messages, acks, queues and reconnecting take';
  const durations = create({ name: 'duration', unit: 's', description, labels: ['work'], buckets: DURATION_BUCKETS });

  const direction = (name: MessageDirection) => ({
    count: createBoundedLabels(maxNames, (type) => messages({ direction: name, type })),
    size: sizes({ direction: name }),
  });
  const directions = { sent: direction('sent'), received: direction('received') };
  const works = byWork((work) => durations({ work }));

  return {
    message(way, type, size) {
      directions[way].count(type)(1);
      directions[way].size(size);
    },
    error(code, type) {
      errors(code)(1);
      if (type !== undefined) messageErrors(type)(1);
    },
    drop: (reason) => drops(reason)(1),
    time: (work, duration) => works[work](duration / 1_000),
  };
}
