import { setTimeout as sleep } from 'node:timers/promises';
import { tcpProxy } from '../../support/tcpProxy.js';
import { startEnd, type End, type Setup } from './end.js';
import { LIMITS, riseOf, type Sample } from './flatness.js';

export interface MemoryPlan {
  readonly title: string;
  readonly messages: number;
  /** Messages that the producer would send in a second. */
  readonly produced: number;
  /** Messages that the consumer finishes in a second. @default as they come */
  readonly consumed?: number;
  /** How long nothing is read, in ms: the producer sends all the same. @default never; the producer waits for acks */
  readonly stall?: number;
  /** How often the memory is looked at, in ms. */
  readonly every: number;
}

export interface MemoryResult {
  readonly title: string;
  readonly messages: number;
  readonly acked: number;
  /** Reported by the producer, as its queue was full. */
  readonly dropped: number;
  readonly seconds: number;
  /** While all buffers were full. */
  readonly samples: Readonly<Record<Setup['role'], readonly Sample[]>>;
  /** What is wrong, in words. */
  readonly failures: readonly string[];
}

/** How long the buffers may take to fill, in ms: from then on nothing may rise. */
const FILLING = 3_000;
/** How much longer than planned it may take, in ms. */
const SPARE = 120_000;

/** Sends many messages to one who cannot keep up, and watches the memory of both. */
export async function watchMemory({ title, messages, produced, consumed, stall, every }: MemoryPlan): Promise<MemoryResult> {
  const common = { messages, every, isPatient: stall === undefined };
  const consumer = startEnd({ ...common, role: 'consumer', port: 0, rate: consumed });
  const { port } = await consumer.told('up', SPARE);
  const proxy = await tcpProxy(port);
  const producer = startEnd({ ...common, role: 'producer', port: proxy.port, rate: produced });
  const begun = Date.now();
  const isOver = producer.told('done', (messages / (consumed ?? produced)) * 1_000 + SPARE);

  if (stall !== undefined) proxy.weather({ up: { stall: true }, down: { stall: true } });
  await sleep(FILLING);
  const watched = watch({ producer, consumer });
  await (stall === undefined ? isOver : sleep(stall - FILLING));
  const samples = watched();
  proxy.weather({});
  const { acked, dropped } = await isOver;
  const seconds = (Date.now() - begun) / 1_000;
  consumer.ask();
  const { received, reordered } = await consumer.told('received', SPARE);
  await Promise.all([producer.kill(), consumer.kill()]);
  await proxy.close();

  const failures = [
    ...(received === acked ? [] : [`${acked} acked, and ${received} received`]),
    ...(reordered === 0 ? [] : [`${reordered} out of order`]),
    ...(stall === undefined && dropped > 0 ? [`${dropped} dropped, though the producer waits`] : []),
    ...rising(samples),
  ];
  return { title, messages, acked, dropped, seconds, samples, failures };
}

/** What is sampled from now on, until the returned function is called. */
function watch(ends: Readonly<Record<Setup['role'], End>>): () => MemoryResult['samples'] {
  const [producers, consumers] = [ends.producer.samples.length, ends.consumer.samples.length];
  return () => ({ producer: ends.producer.samples.slice(producers), consumer: ends.consumer.samples.slice(consumers) });
}

function rising(samples: MemoryResult['samples']): readonly string[] {
  const isRising = (role: Setup['role'], what: keyof Sample): boolean => riseOf(samples[role].map((one) => one[what])) > LIMITS[what];
  return (['producer', 'consumer'] as const).flatMap((role) =>
    (['heap', 'rss'] as const).flatMap((what) => (isRising(role, what) ? [`the ${what} of the ${role} rises`] : [])),
  );
}
