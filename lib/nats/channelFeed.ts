import type { ConsumerInfo, JsMsg } from '@nats-io/jetstream';
import {
  BehaviorSubject,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  firstValueFrom,
  ignoreElements,
  merge,
  mergeMap,
  of,
  startWith,
  Subject,
  Subscription,
  switchMap,
  timeout,
  timer,
  type Observable,
} from 'rxjs';
import type { ChannelEntry } from '../app/hub/channelLog.js';
import { refCounted } from '../internal/refCounted.js';
import { wallTime } from '../internal/steadyScheduler.js';
import { retryBackoff } from '../operators/retryBackoff.js';
import { failed, type NatsContext } from './natsContext.js';
import type { LastMessages } from './lastMessages.js';
import { addConsumer, consumeMessages } from './consumeMessages.js';
import { parseEpoch, type Epochs, type StreamEpoch } from './streamEpochs.js';
import { verifyStream, type StreamPosition, type StreamStatus } from './verifyStream.js';
import { createChannelTails, type ChannelTails } from './channelTails.js';

/** Delivers new messages of all channels, with one consumer for all. */
export interface ChannelFeed {
  readonly tail: (channel: string) => Observable<ChannelEntry>;
  /** Resolves when messages that are stored from now on reach the tails. */
  readonly ready: () => Promise<unknown>;
  /** Reports the epoch that another part has seen. */
  readonly observeEpoch: (streamEpoch: StreamEpoch) => void;
}

export function createChannelFeed(context: NatsContext, epochs: Epochs, lastMessages: LastMessages): ChannelFeed {
  const isAttached$ = new BehaviorSubject(false);
  const restart$ = new Subject<void>();
  const follower = createFollower(context, { epochs, lastMessages, isAttached$, restart$ });
  const { tails } = follower;
  const feed$ = attachForever(follower.attached$, context, { isAttached$, restart$ });

  let running = Subscription.EMPTY;
  const refCount = refCounted(
    () => (running = feed$.subscribe({ error: tails.fail })),
    () => {
      running.unsubscribe();
      follower.forget();
      isAttached$.next(false);
    },
  );
  const isReady$ = isAttached$.pipe(filter(Boolean), timeout({ first: context.timeout, scheduler: context.scheduler }));
  return {
    observeEpoch: follower.observeEpoch,
    ready: () => (refCount.isActive() ? firstValueFrom(isReady$) : Promise.resolve()),
    tail: (channel) => refCount.by(tails.of(channel)),
  };
}

interface Signals {
  readonly isAttached$: Subject<boolean>;
  /** Emits when the stream must be checked again. */
  readonly restart$: Subject<void>;
}

/** Attaches again after every failure; at once when the connection is back. */
function attachForever(attached$: Observable<unknown>, context: NatsContext, { isAttached$, restart$ }: Signals): Observable<unknown> {
  const { connection, report, scheduler } = context;
  const { reconnected$, lost$ } = context.status;
  const retrying = retryBackoff({
    initialInterval: 100,
    maxInterval: 1_000,
    jitter: 0.5,
    resetOnSuccess: true,
    scheduler,
    // A closed connection stays closed.
    shouldRetry: () => !connection.isClosed(),
    onRetry({ error }) {
      isAttached$.next(false);
      report(failed(error));
    },
  });
  return merge(reconnected$, restart$).pipe(
    startWith(undefined),
    switchMap(() => merge(attached$, lost$).pipe(retrying)),
  );
}

interface FollowerParts extends Signals {
  readonly epochs: Epochs;
  readonly lastMessages: LastMessages;
}

/** Follows the stream over successive consumers. */
function createFollower(context: NatsContext, { epochs, lastMessages, isAttached$, restart$ }: FollowerParts) {
  const tails = createChannelTails();
  let position: StreamPosition | undefined;
  const observeEpoch = (streamEpoch: StreamEpoch): void => {
    if (!position) return;
    if (streamEpoch.epoch !== position.streamEpoch.epoch) restart$.next();
    else if (streamEpoch.marker > position.streamEpoch.marker) Object.assign(position, { streamEpoch, bytes: 0 });
  };
  const callbacks = { observeEpoch, position: () => position };
  const take = createDispatcher(context, { tails, lastMessages, ...callbacks });

  const begin = ({ streamEpoch, last, bytes }: StreamStatus): Observable<unknown> => {
    const known = position;
    position = { streamEpoch, head: known?.streamEpoch.epoch === streamEpoch.epoch ? known.head : last, bytes };
    // Without tails the feed is no longer used: this ends it.
    if (known && known.streamEpoch.epoch !== streamEpoch.epoch) tails.fail('another epoch has begun');
    const here = position as StreamPosition | undefined;
    return here ? defer(() => addConsumer(context, here.head + 1)).pipe(mergeMap((info) => run(info, last - here.head))) : EMPTY;
  };
  const run = (info: ConsumerInfo, expected: number): Observable<unknown> => {
    if (info.num_pending < expected) tails.fail('messages went before they came');
    if (!position) return EMPTY;
    isAttached$.next(true);
    return merge(of(true), consumeMessages(context, info, take), checkEpochs(context, epochs, callbacks));
  };
  const attached$ = defer(() => {
    isAttached$.next(false);
    return verifyStream(context, epochs, position);
  }).pipe(mergeMap(begin));

  return { tails, observeEpoch, attached$, forget: (): void => void (position = undefined) };
}

interface DispatcherOptions {
  readonly tails: ChannelTails;
  readonly lastMessages: LastMessages;
  readonly observeEpoch: (streamEpoch: StreamEpoch) => void;
  readonly position: () => StreamPosition | undefined;
}

/** Creates the function that passes messages of the stream to the tails of their channels. */
function createDispatcher(
  { subjects, decode }: NatsContext,
  { tails, lastMessages, observeEpoch, position }: DispatcherOptions,
): (message: JsMsg) => void {
  return (message) => {
    const { seq, subject, data } = message;
    const current = position();
    if (!current || seq <= current.head) return;
    const isNext = seq === current.head + 1;
    current.head = seq;
    current.bytes += data.length;
    // The channels of the missing messages are unknown, so all tails fail.
    if (!isNext) tails.fail('messages went before they came');
    if (subject === subjects.epoch) {
      const streamEpoch = parseEpoch(message.string(), seq, message.time.getTime());
      if (streamEpoch) observeEpoch(streamEpoch);
      return;
    }
    const tail = tails.get(subjects.channelOf(subject) ?? '');
    const decoded = tail && decode(data, subject);
    lastMessages.observe(subject, seq, decoded);
    if (decoded) tail.next({ epoch: current.streamEpoch.epoch, offset: seq, message: decoded });
  };
}

interface EpochCallbacks {
  readonly observeEpoch: (streamEpoch: StreamEpoch) => void;
  readonly position: () => StreamPosition | undefined;
}

/** Checks periodically whether the epoch marker still exists, and writes it again before it is evicted with old messages. */
function checkEpochs(context: NatsContext, epochs: Epochs, { observeEpoch, position }: EpochCallbacks): Observable<never> {
  const { checkInterval, scheduler, maxAge, maxTotalBytes } = context;
  let seen = { marker: NaN, at: 0 };
  const check = async (): Promise<void> => {
    const streamEpoch = await epochs.current();
    observeEpoch(streamEpoch);
    const now = scheduler.now();
    if (seen.marker !== streamEpoch.marker) seen = { marker: streamEpoch.marker, at: now };
    // The clock of this system may be behind that of the server.
    const age = Math.max(wallTime(scheduler) - streamEpoch.at, now - seen.at);
    const isOld = age > maxAge / 4;
    const isDeep = (position()?.bytes ?? 0) > maxTotalBytes / 4;
    if (isOld || isDeep) await epochs.refresh(streamEpoch);
  };
  return timer(checkInterval, checkInterval, scheduler).pipe(exhaustMap(check), ignoreElements());
}
