import type { NatsConnection } from '@nats-io/transport-node';
import { firstValueFrom } from 'rxjs';
import type { ChannelEntry } from '../../lib/index.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { natsChannelLog } from '../../lib/stores/nats/index.js';
import { checkRead } from './numbers.js';
import { createRespawned, type NodeSetup, type Setup } from './processes.js';

/** The setup of a client of channels. */
export interface ChannelSetup extends Pick<Setup, 'port' | 'reconnect' | 'openTimeout'>, Pick<NodeSetup, 'name' | 'nats' | 'replicas'> {
  readonly names: readonly string[];
}

/** What the client of channels has done, once nothing fails any more. */
export interface ChannelTotals {
  /** The number of reads of the history, and of messages that the member has received. */
  readonly reads: number;
  readonly received: number;
  /** The number of messages that the client has written to each channel. */
  readonly written: Readonly<Record<string, number>>;
}

/** What a log keeps of a channel by default. */
const KEPT = 1_000;

/** Writes to busy channels, follows them, and reads their history. */
export async function startChannels(setup: ChannelSetup, onFailed: (reason: string) => void) {
  let totals: ChannelTotals | undefined;
  const { start, kill, send } = createRespawned('spec/chaos/channelClient.ts', (told) => {
    if (told.kind === 'failed') onFailed(`channels: ${told.reason}`);
    else if (told.kind === 'channels') totals = told;
  });
  await start(setup);
  return {
    kill,
    calm: () => send('calm'),
    /** What it has done; `undefined` until the member has received all of its messages. */
    totals: () => totals,
  };
}

/** Compares the log of each channel with what was written. Returns what is wrong. */
export async function checkLogs(connection: NatsConnection, stream: string, { reads, written }: ChannelTotals): Promise<readonly string[]> {
  const log = natsChannelLog({ connection, stream, replicas: 3 });
  const failures = reads === 0 ? ['no read of the history was answered'] : [];
  const epochs = new Set<string>();
  for (const [name, count] of Object.entries(written)) {
    const entries: ChannelEntry[] = [];
    for (let isMore = true; isMore;) {
      const slice = await firstValueFrom(asObservable(() => log.read(name, { after: entries.at(-1) ?? 'start', limit: KEPT })));
      epochs.add(slice.epoch);
      entries.push(...slice.entries);
      isMore = slice.entries.length > 0;
    }
    const { breach, last } = checkRead(
      entries.map(({ message }) => message),
      KEPT,
    );
    if (breach !== undefined) failures.push(`${name}: ${breach}`);
    if (last('channels') !== count) failures.push(`${name}: the log ends at ${last('channels')}, not ${count}`);
  }
  if (epochs.size > 1) failures.push(`the log of the channels has ${epochs.size} epochs`);
  return failures;
}
