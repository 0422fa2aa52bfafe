import { computed, type InjectionToken, type Signal, untracked } from '@angular/core';
import { catchError, EMPTY } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { channel, type Channel } from '../../operators/channels/channel.js';
import { LEFT, type ChannelState } from '../../channels/channelState.js';
import {
  channelActions,
  latestMessages,
  readChannelView,
  type ChannelActions,
  type ChannelViewOptions,
} from '../../operators/channels/channelView.js';
import { NO_MEMBERS, type Presence } from '../../channels/memberList.js';
import type { AnyTypes, Message, MessageIn } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { createStreamSignals, getterOf } from './streamSignals.js';
import { injectWire, WIRE } from './provideWire.js';

/** The options of {@link injectChannel}: those of `channel`, and these. */
export interface InjectChannelOptions extends ChannelViewOptions {
  /** The token of the wire. @default WIRE */
  readonly token?: InjectionToken<Wire>;
}

/** A channel as signals. Without a name they are empty, and the status is `left`. */
export interface ChannelSignals<M extends Message = Message> extends ChannelActions<M> {
  /** The channel itself, for its operators, `history` and `gaps$`. `undefined` without a name. */
  readonly channel: Signal<Channel<M> | undefined>;
  /** The latest messages, oldest first. */
  readonly messages: Signal<readonly M[]>;
  /** The state of the membership: it reports a refusal, and the end. No signal throws then. */
  readonly state: Signal<ChannelState>;
  /** The members. The server sends them from the first use of this property on. */
  readonly presence: Signal<Presence>;
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
 *     this.room.next(createMessage('chat.said', { text }));
 *   }
 * }
 */
export function injectChannel<Types extends object = AnyTypes>(
  name: string | (() => string | undefined),
  options: InjectChannelOptions = {},
): ChannelSignals<MessageIn<Types>> {
  checkOptions('injectChannel', options);
  const { token = WIRE, keep, ...channelOptions } = readChannelView('injectChannel', options);
  const wire = injectWire(token);
  const read = getterOf(name);

  const current = computed(() => {
    const named = read();
    return named === undefined ? undefined : untracked(() => channel<Types>(wire, named, channelOptions));
  });
  const follow = createStreamSignals(current, read !== name);
  let presence: Signal<Presence> | undefined;

  return {
    channel: current,
    state: follow((one) => one.state$, LEFT),
    messages: follow((one) => latestMessages(one, keep, options.microtask), []),
    get presence() {
      // A template may be the first that reads it.
      return (presence ??= untracked(() => follow((one) => one.presence$.pipe(catchError(() => EMPTY)), NO_MEMBERS)));
    },
    ...channelActions('injectChannel', () => untracked(current)),
  };
}
