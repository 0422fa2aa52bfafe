import {
  defer,
  exhaustMap,
  finalize,
  firstValueFrom,
  ignoreElements,
  interval,
  merge,
  noop,
  Observable,
  ReplaySubject,
  retry,
  share,
  Subject,
  switchMap,
  tap,
  timeout,
} from 'rxjs';
import type { SchedulerLike } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../../channels/channelLog.js';
import { StoreError } from '../../message/errors.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import { createTrampoline } from '../../operators/subscribing/trampoline.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelReads } from './channelReads.js';
import { NOTIFICATIONS } from './channelStatements.js';
import type { PostgresClient, PostgresPool } from './postgresOptions.js';
import { asPostgresStoreError } from './postgresStoreError.js';

export type PostgresTails = ReturnType<typeof createPostgresTails>;

export interface PostgresTailsOptions {
  readonly pool: PostgresPool;
  readonly pollInterval: number;
  readonly scheduler: SchedulerLike;
  readonly reads: ChannelReads;
  readonly onNotified: (payload: string) => void;
}

interface Tail {
  readonly entries$: Subject<ChannelEntry | ChannelBroadcast>;
  /** Emits when the tail has a position. */
  readonly started$: ReplaySubject<void>;
  last: ChannelPosition | undefined;
  isReading: boolean;
  /** Whether there may be entries behind those that are being read. */
  isBehind: boolean;
}

/** The maximum number of messages that a tail reads at once. */
const PAGE = 256;

/** Creates the tails of a log. With a tail, the log listens to notifications, and polls. */
export function createPostgresTails(options: PostgresTailsOptions) {
  const { reads } = options;
  const tails = new Map<string, Tail>();
  const emissions = createTrampoline();

  const isAt = ({ last }: Tail, { epoch, offset }: ChannelPosition): boolean => last?.epoch === epoch && last.offset >= offset;
  const emit = (tail: Tail, entry: ChannelEntry): void => {
    if (isAt(tail, entry)) return;
    tail.last = entry;
    emissions.run(() => tail.entries$.next(entry));
  };
  const fail = (channel: string, tail: Tail, reason: unknown): void => {
    if (tails.get(channel) === tail) tails.delete(channel);
    tail.started$.next();
    tail.entries$.error(asPostgresStoreError(reason));
  };
  /** Emits the entries behind the tail. A new tail starts at the end of its channel. */
  const follow = async (channel: string, tail: Tail): Promise<void> => {
    tail.isBehind = true;
    if (tail.isReading) return;
    tail.isReading = true;
    try {
      while (tail.isBehind && tails.get(channel) === tail) {
        tail.isBehind = false;
        const { entries, epoch, last, isComplete } = await reads.read(channel, { after: tail.last, limit: tail.last ? PAGE : 0 });
        // The hub reads the rest itself, and its readers learn of the gap.
        if (!isComplete)
          throw new StoreError('postgres', 'evicted', new Error('messages were removed before they were read, or are unreadable'));
        for (const entry of entries) emit(tail, entry);
        const reached = { epoch, offset: entries.at(-1)?.offset ?? last };
        if (!isAt(tail, reached)) tail.last = reached;
        tail.isBehind ||= reached.offset < last;
        tail.started$.next();
      }
    } catch (reason) {
      fail(channel, tail, reason);
    }
    tail.isReading = false;
  };
  const start = (channel: string): Tail => {
    const tail: Tail = { entries$: new Subject(), started$: new ReplaySubject(1), last: undefined, isReading: false, isBehind: false };
    tails.set(channel, tail);
    void follow(channel, tail);
    return tail;
  };
  const poll = async (): Promise<void> => {
    for (const [channel, end] of await reads.ends([...tails.keys()])) {
      const tail = tails.get(channel);
      if (tail && !isAt(tail, end)) void follow(channel, tail);
    }
  };
  const following$ = followOthers(options, poll).pipe(share());

  return {
    /** Emits each entry and broadcast of a channel from the time of subscription on. */
    of: (channel: string): Observable<ChannelEntry | ChannelBroadcast> =>
      defer(() => {
        const tail = tails.get(channel) ?? start(channel);
        const end = (): void => {
          if (!tail.entries$.observed && tails.get(channel) === tail) tails.delete(channel);
        };
        return merge(tail.entries$.pipe(finalize(end)), following$);
      }),
    /** Resolves when the tail of the channel misses no entry behind a read that begins then. */
    async started(channel: string): Promise<void> {
      const tail = tails.get(channel);
      if (tail) await firstValueFrom(tail.started$);
    },
    add(channel: string, entry: ChannelEntry): void {
      const tail = tails.get(channel);
      if (!tail) return;
      if (isAt(tail, { ...entry, offset: entry.offset - 1 })) emit(tail, entry);
      else void follow(channel, tail);
    },
    broadcast(channel: string, broadcast: ChannelBroadcast): void {
      const tail = tails.get(channel);
      if (tail) emissions.run(() => tail.entries$.next(broadcast));
    },
    /** Emits what another server has stored. */
    follow(channel: string): void {
      const tail = tails.get(channel);
      if (tail) void follow(channel, tail);
    },
    fail: (reason: unknown): void => [...tails].forEach(([channel, tail]) => fail(channel, tail, reason)),
  };
}

/** Looks for what other servers have stored. Emits nothing. */
function followOthers({ pool, pollInterval, scheduler, onNotified }: PostgresTailsOptions, poll: () => Promise<void>): Observable<never> {
  const notified$ = notificationsOf(pool, scheduler).pipe(retry({ delay: () => longTimer(pollInterval, scheduler) }), tap(onNotified));
  // A poll that fails is repeated by the next one. A slow database gets one at a time.
  const polled$ = interval(pollInterval, scheduler).pipe(exhaustMap(() => poll().catch(noop)));
  return merge(notified$, polled$).pipe(ignoreElements());
}

/** A client of `pg` also emits the notifications of its connection. */
interface NotifiedClient {
  on?(event: 'notification', listener: (notification: { readonly payload?: string }) => void): unknown;
}

/** The interval of tests of the connection for notifications, and the time for an answer, in ms. */
const TEST_INTERVAL = 10_000;

/**
 * Emits the payloads of notifications, over a connection of the pool. Fails when it is lost, also
 * if neither side has closed it: then the database does not answer a test.
 */
function notificationsOf(pool: PostgresPool, scheduler: SchedulerLike): Observable<string> {
  const client$ = new Observable<PostgresClient>((to) => {
    const connect = async (): Promise<void> => {
      const client = await pool.connect();
      to.add(() => client.release(true));
      client.on?.('error', (error) => to.error(error));
      to.next(client);
    };
    connect().catch((error: unknown) => to.error(error));
  });
  const payloadsOf = (client: NotifiedClient): Observable<string> =>
    new Observable((to) => void client.on?.('notification', ({ payload = '' }) => to.next(payload)));
  return client$.pipe(
    switchMap((client) => {
      const query = (text: string) => defer(() => client.query({ text, values: [], queryMode: 'extended' }));
      const test$ = query('select 1').pipe(timeout({ first: TEST_INTERVAL, scheduler }), ignoreElements());
      const tested$ = query(`listen ${NOTIFICATIONS}`).pipe(
        switchMap(() => interval(TEST_INTERVAL, scheduler)),
        exhaustMap(() => test$),
      );
      return merge(payloadsOf(client as object as NotifiedClient), tested$);
    }),
  );
}
