import {
  asapScheduler,
  auditTime,
  catchError,
  defer,
  EMPTY,
  map,
  type Observable,
  ReplaySubject,
  type SchedulerLike,
  share,
  startWith,
  tap,
} from 'rxjs';
import { assertPositive } from '../../message/development.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Channel } from './channel.js';
import type { ChannelOptions, EchoOptions } from './channelOptions.js';

/** The options of a channel that a component shows: those of `channel`, and this one. */
export interface ChannelViewOptions extends ChannelOptions {
  /**
   * How many messages `messages` contains at most. Older ones are dropped; `history` of the channel
   * still reads them.
   * @default 100
   */
  readonly keep?: number;
}

/** The calls of a component to its channel. */
export interface ChannelActions<M extends Message = Message> {
  /** Publishes a message, as {@link Channel} does. @throws {TypeError} Without a name. */
  readonly next: (message: M, options?: EchoOptions) => void;
  /**
   * Publishes a message. Resolves with its position when the hub has it; rejects as `send` of a
   * channel, and with a `TypeError` without a name.
   */
  readonly send: (message: M, options?: EchoOptions) => Promise<ChannelPosition | undefined>;
  /** Sets the `state` of this member. @throws {TypeError} Without a name. */
  readonly updatePresence: (state: unknown) => void;
}

/** Returns the calls of a component. @param find Returns the channel, while it has a name. */
export function channelActions<M extends Message>(owner: string, find: () => Channel<M> | undefined): ChannelActions<M> {
  const use = (): Channel<M> => {
    const found = find();
    if (!found) throw new TypeError(`${owner}: "name" is undefined, so there is no channel to send to`);
    return found;
  };
  return {
    next: (message, options) => use().next(message, options),
    send: async (message, options) => use().send(message, options),
    updatePresence: (state) => use().updatePresence(state),
  };
}

/** Returns the options of a component's channel, with all defaults. @throws {RangeError} */
export function readChannelView<O extends ChannelViewOptions>(owner: string, options: O): O & { readonly keep: number } {
  const { keep = 100 } = options;
  assertPositive(owner, { keep });
  return { ...options, keep };
}

/** The latest messages of one channel, for all components of a page: they join once. */
interface Collection {
  keep: number;
  readonly messages$: Observable<readonly Message[]>;
}

const collections = /* @__PURE__ */ new WeakMap<Channel, Collection>();

/**
 * Emits the `keep` latest messages of a channel, oldest first: now, and at the end of each
 * microtask in which some have arrived. Completes with the channel, whose state reports failures.
 */
export function latestMessages<M extends Message>(
  channel: Channel<M>,
  keep: number,
  microtask: SchedulerLike = asapScheduler,
): Observable<readonly M[]> {
  const found = collections.get(channel) ?? createCollection(channel, microtask);
  collections.set(channel, found);
  found.keep = Math.max(found.keep, keep);
  return found.messages$.pipe(map((all) => (all.length > keep ? all.slice(-keep) : all) as readonly M[]));
}

function createCollection(channel: Channel, microtask: SchedulerLike): Collection {
  const messages$ = defer(() => {
    const latest: Message[] = [];
    const add = (message: Message): void => {
      if (latest.push(message) > collection.keep) latest.shift();
    };
    return channel.pipe(
      tap(add),
      catchError(() => EMPTY),
      auditTime(0, microtask),
      startWith(undefined),
      map((): readonly Message[] => Object.freeze([...latest])),
    );
  });
  const collection: Collection = { keep: 1, messages$: messages$.pipe(share({ connector: () => new ReplaySubject(1) })) };
  return collection;
}
