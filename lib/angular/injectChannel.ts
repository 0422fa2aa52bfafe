import { computed, type InjectionToken, type Signal, untracked } from '@angular/core';
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
import { channel, type Channel } from '../app/channels/channel.js';
import type { ChannelOptions } from '../app/channels/channelOptions.js';
import type { ChannelState } from '../app/channels/channelState.js';
import type { Presence } from '../app/channels/memberList.js';
import { assertPositive } from '../internal/assert.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { AnyTypes, Message, MessageIn } from '../message/types.js';
import type { Wire } from '../wire/wire.js';
import { follower, reading } from './follower.js';
import { injectWire, WIRE } from './provideWire.js';

/** The options of {@link injectChannel}: those of `channel`, and these. */
export interface InjectChannelOptions extends ChannelOptions {
  /** The token of the wire. @default WIRE */
  readonly token?: InjectionToken<Wire>;
  /**
   * How many messages `messages` contains at most. Older ones are dropped; `history` of the channel
   * still reads them.
   * @default 100
   */
  readonly keep?: number;
}

/** A channel as signals. Without a name they are empty, and the status is `left`. */
export interface ChannelSignals<M extends Message = Message> {
  /** The channel itself, for its operators, `history` and `gaps$`. `undefined` without a name. */
  readonly channel: Signal<Channel<M> | undefined>;
  /** The latest messages, oldest first. */
  readonly messages: Signal<readonly M[]>;
  /**
   * The state of the membership. It reports a refusal, and the end of the channel; the other
   * signals do not throw then.
   */
  readonly state: Signal<ChannelState>;
  /** The members. The server sends them from the first use of this property on. */
  readonly presence: Signal<Presence>;
  /** Publishes a message, as {@link Channel} does. @throws {TypeError} Without a name. */
  readonly next: (message: M) => void;
  /**
   * Publishes a message. Resolves with its position when the hub has it; rejects as `send` of a
   * channel, and with a `TypeError` without a name.
   */
  readonly send: (message: M) => Promise<ChannelPosition | undefined>;
  /**
   * Sets what the other members see as the `state` of this one.
   * @throws {TypeError} Without a name.
   */
  readonly updatePresence: (state: unknown) => void;
}

/**
 * Joins a channel, and returns it as signals. The client leaves when the injecting component,
 * directive or service is destroyed, unless another one uses the channel. All that use the same
 * channel of a page see the same messages.
 *
 * @param name The name of the channel. A function, such as an `input()`, may return another name
 *   later; `undefined`: no channel.
 * @param options Those of the first use of a channel apply, but for `keep`.
 * @throws {Error} NG0203, outside of an injection context.
 * @throws {TypeError} At call time, if a plain name is invalid.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { computed } from '@angular/core';
 * import { createMessage } from 'rxwire';
 * import { injectChannel } from 'rxwire/angular';
 *
 * class Room {
 *   readonly room = injectChannel('room.1', { from: { last: 20 } });
 *   readonly text = computed(
 *     () =>
 *       `${this.room.messages().length} messages, ${this.room.presence().others.length} others`,
 *   );
 *   say(text: string): void {
 *     this.room.next(createMessage('chat.said', text));
 *   }
 * }
 */
export function injectChannel<Types extends object = AnyTypes>(
  name: string | (() => string | undefined),
  options: InjectChannelOptions = {},
): ChannelSignals<MessageIn<Types>> {
  const { token = WIRE, keep = 100, ...channelOptions } = options;
  assertPositive('injectChannel', { keep });
  const wire = injectWire(token);
  const read = reading(name);

  const current = computed(() => {
    const named = read();
    return named === undefined ? undefined : untracked(() => channel<Types>(wire, named, channelOptions));
  });
  const follow = follower(current, read !== name);
  const use = (): Channel<MessageIn<Types>> => {
    const found = untracked(current);
    if (!found) throw new TypeError('injectChannel: "name" is undefined, so there is no channel to send to');
    return found;
  };
  let presence: Signal<Presence> | undefined;

  return {
    channel: current,
    state: follow((one) => one.state$, LEFT),
    messages: follow((one) => channelMessages(one, keep, options.microtask), []),
    get presence() {
      // A template may be the first that reads it.
      return (presence ??= untracked(() => follow((one) => one.presence$.pipe(catchError(() => EMPTY)), NOBODY)));
    },
    next: (message) => use().next(message),
    send: async (message) => use().send(message),
    updatePresence: (state) => use().updatePresence(state),
  };
}

const LEFT: ChannelState = { status: 'left' };
const NOBODY: Presence = { members: [], others: [], entered: [], left: [], updated: [] };

/**
 * The latest messages of one channel, which all components of a page share: they join once, and
 * each sees all of them.
 */
interface Collection {
  /** The largest number that one of them requests. */
  keep: number;
  readonly messages$: Observable<readonly Message[]>;
}

const collections = /* @__PURE__ */ new WeakMap<Channel, Collection>();

/**
 * Emits the latest messages of a channel, oldest first: now, and at the end of each microtask in
 * which some have arrived. Completes with the channel, also when it was refused or has failed,
 * which its state reports.
 *
 * @param keep How many.
 */
function channelMessages<M extends Message>(channel: Channel<M>, keep: number, microtask?: SchedulerLike): Observable<readonly M[]> {
  const found = collections.get(channel) ?? createCollection(channel, microtask);
  collections.set(channel, found);
  found.keep = Math.max(found.keep, keep);
  return found.messages$.pipe(map((all) => (all.length > keep ? all.slice(-keep) : all) as readonly M[]));
}

function createCollection(channel: Channel, microtask: SchedulerLike = asapScheduler): Collection {
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
