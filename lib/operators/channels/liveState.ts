import { concat, defer, EMPTY, map, mergeMap, of, take, takeUntil, tap, throwIfEmpty, type Observable, type ObservableInput } from 'rxjs';
import { checkOptions, checkWire } from '../../message/development.js';
import { CallbackError } from '../../message/errors.js';
import { completionOf } from '../subscribing/completionOf.js';
import { GuardedObservable } from './guardedObservable.js';
import { readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { retryBackoff, type RetryBackoffConfig } from '../retryBackoff.js';
import type { Wire } from '../../wire/wire.js';
import { assertChannelName, followChannel, reportOn } from './channel.js';
import { CHANNEL_OPTIONS, type ChannelOptions } from './channelOptions.js';
import { parsePosition } from '../../channels/channelPosition.js';
import { FollowerGap } from './channelReaders.js';

/** A state, and the position of the last message of the channel that is in it. */
export interface ChannelSnapshot<S> {
  readonly state: S;
  /**
   * The result of `send`, or {@link Channel.position}; as JSON has it. `'start'`: none of the
   * messages is in the state, and the server still has all of them.
   */
  readonly position: ChannelPosition | string;
}

export interface LiveStateOptions<S> extends Pick<ChannelOptions, 'answerTimeout' | 'scheduler'> {
  /**
   * Loads the state: the first value of an Observable, or the result of a promise. Called at
   * subscription, and again after a gap.
   */
  readonly load: () => ObservableInput<ChannelSnapshot<S>>;
  /**
   * Returns the state after a message. Must not change the state that it gets. Ephemeral messages
   * are not passed to it.
   */
  readonly reduce: (state: S, message: Message) => S;
  /**
   * The delays after a failed `load`, and before the `load` after a gap. `maxRetries` and
   * `shouldRetry` are for a failed `load`.
   * @default after 500 ms, at most 30 s, half of it random
   */
  readonly retry?: Partial<RetryBackoffConfig>;
}

const START_IS_GONE = 'liveState: "load" returned the position "start", and the server has removed the first messages of the channel';

const RETRY_DEFAULTS = { initialInterval: 500, maxInterval: 30_000, jitter: 0.5 } as const;

/**
 * Emits the state that `load` returns, then the state after each message of the channel behind the
 * position of that state. No message is missed, and none is applied twice. After a gap it loads
 * again: it emits nothing until the hub has confirmed that the new state has its place in the
 * channel, and never an older state than before.
 *
 * Each subscription loads. It completes with the channel, or with the wire. Failures of `load` are
 * reported in `errors$` of the wire, as a `CallbackError`; so is a `load` that returns `'start'`
 * when the server has removed the first messages. Then it loads again until the position is later.
 *
 * @throws {TypeError} At call time, if the name is invalid, or there is no option of this name.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {ChannelRefusedError} Delivered, when the server refuses the join. A new subscription
 *   asks again.
 * @throws {ChannelEndedError} Delivered, behind the last state, when the writer of the channel has
 *   failed, or has gone.
 * @throws The error of `reduce`, or that of the last `load`. Delivered.
 * @example
 * import { of } from 'rxjs';
 * import { connect, liveState, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const count$ = liveState(wire, 'orders', {
 *   load: () => of({ state: 0, position: 'start' }),
 *   reduce: (count) => count + 1,
 * });
 * count$.subscribe(console.log);
 */
export function liveState<S>(wire: Wire, name: string, options: LiveStateOptions<S>): Observable<S> {
  checkWire('liveState', wire);
  checkOptions('liveState', options);
  const { load, reduce, retry, scheduler = steadyScheduler() } = options;
  const channelOptions = { ...readOptions<ChannelOptions, typeof CHANNEL_OPTIONS>('liveState', options, CHANNEL_OPTIONS), scheduler };
  assertChannelName('liveState', name);
  const config = { ...RETRY_DEFAULTS, scheduler, ...retry };

  const snapshot$ = defer(load).pipe(take(1), throwIfEmpty(), map(readSnapshot), retryLoads(wire, config));
  const live$ = defer(() => {
    let isFirst = true;

    const attempt$ = snapshot$.pipe(
      mergeMap(({ state: loaded, position: from }) => {
        let state = loaded;
        // A state that was loaded again waits: it may be older than the last one, and then the hub
        // does not have all messages behind it.
        const isEmitted = isFirst;
        isFirst = false;
        const step = (message: Message | undefined): Observable<S> => {
          if (message) state = reduce(state, message);
          return message || !isEmitted ? of(state) : EMPTY;
        };
        const onError = (error: unknown): void => {
          if (from === 'start' && error instanceof FollowerGap) wire.report(new CallbackError('load', new TypeError(START_IS_GONE)));
        };
        const next$ = followChannel(wire, name, channelOptions, from).pipe(mergeMap(step), tap({ error: onError }));
        return isEmitted ? concat(of(loaded), next$) : next$;
      }),
    );
    return attempt$.pipe(
      retryBackoff({ ...config, maxRetries: Infinity, resetOnSuccess: true, shouldRetry: (error) => error instanceof FollowerGap }),
      // All streams of a wire complete with it; a subscriber of this one changes nothing.
      takeUntil(completionOf(wire.latency$)),
    );
  });
  return new GuardedObservable(live$, reportOn(wire));
}

/** Validates a loaded value, which comes from another side. */
function readSnapshot<S>({ state, position }: ChannelSnapshot<S>): { readonly state: S; readonly position: ChannelPosition | 'start' } {
  if (position === 'start') return { state, position };
  const { epoch, offset } = (typeof position === 'string' ? parsePosition(position) : position) ?? {};
  if (typeof epoch === 'string' && Number.isSafeInteger(offset) && (offset as number) >= 0)
    return { state, position: { epoch, offset: offset as number } };
  throw new TypeError(`liveState: "load" must return a position of the channel, got ${JSON.stringify(position)}`);
}

function retryLoads<T>(wire: Wire, { onRetry, ...config }: RetryBackoffConfig): (source: Observable<T>) => Observable<T> {
  return retryBackoff({
    ...config,
    onRetry(attempt) {
      wire.report(new CallbackError('load', attempt.error));
      onRetry?.(attempt);
    },
  });
}
