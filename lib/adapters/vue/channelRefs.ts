import { computed, toValue, type ComputedRef, type MaybeRefOrGetter, type ShallowRef } from 'vue';
import { channel, type Channel } from '../../operators/channels/channel.js';
import { LEFT, type ChannelState } from '../../channels/channelState.js';
import {
  channelActions,
  latestMessages,
  readChannelView,
  type ChannelActions,
  type ChannelViewOptions,
} from '../../operators/channels/channelView.js';
import type { AnyTypes, Message, MessageIn } from '../../message/types.js';
import { latestRef } from './latestRef.js';
import { useWire } from './wirePlugin.js';

/** A channel as refs. Without a name they are empty, and the status is `left`. */
export interface ChannelRefs<M extends Message = Message> extends ChannelActions<M> {
  /** The channel itself, for its operators, `history` and `gaps$`. `undefined` without a name. */
  readonly channel: ComputedRef<Channel<M> | undefined>;
  /** The latest messages, oldest first. */
  readonly messages: Readonly<ShallowRef<readonly M[]>>;
  /** The state of the membership. It reports a refusal, and the end of the channel. */
  readonly state: Readonly<ShallowRef<ChannelState>>;
}

/**
 * Joins a channel, and returns it as refs. The client leaves when the component ends, unless
 * another one uses the channel. All components with the same channel see the same messages.
 *
 * @param name The name of the channel, a ref or a getter; `undefined`: no channel.
 * @param options Those of the first use of a channel apply, but for `keep`.
 * @throws {TypeError} If the name is invalid.
 * @throws {RangeError} If a number is out of range.
 * @example
 * import { createMessage } from 'rxwire';
 * import { useChannel } from 'rxwire/vue';
 *
 * function useRoom() {
 *   const { messages, state, next } = useChannel('room.1', { from: { last: 20 } });
 *   const say = (text: string) => next(createMessage('chat.said', { text }));
 *   return { messages, state, say };
 * }
 */
export function useChannel<Types extends object = AnyTypes>(
  name: MaybeRefOrGetter<string | undefined>,
  options: ChannelViewOptions = {},
): ChannelRefs<MessageIn<Types>> {
  const { keep, ...channelOptions } = readChannelView('useChannel', options);
  const wire = useWire();
  const current = computed(() => {
    const named = toValue(name);
    return named === undefined ? undefined : channel<Types>(wire, named, channelOptions);
  });

  return {
    channel: current,
    state: latestRef(current, (found) => found.state$, LEFT),
    messages: latestRef<Channel<MessageIn<Types>>, readonly MessageIn<Types>[]>(
      current,
      (found) => latestMessages(found, keep, options.microtask),
      [],
    ),
    ...channelActions('useChannel', () => current.value),
  };
}
