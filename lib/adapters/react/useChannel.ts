import { useMemo } from 'react';
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
import type { AnyTypes, Message, MessageIn } from '../../message/types.js';
import { useLatest } from './useLatest.js';
import { useWire } from './wireProvider.js';

/** A channel as a component sees it. Without a name it is empty, and the status is `left`. */
export interface ChannelView<M extends Message = Message> extends ChannelActions<M> {
  /** The channel itself, for its operators, `history` and `gaps$`. `undefined` without a name. */
  readonly channel: Channel<M> | undefined;
  /** The latest messages, oldest first. */
  readonly messages: readonly M[];
  /** The state of the membership. It reports a refusal, and the end of the channel. */
  readonly state: ChannelState;
}

/**
 * Joins a channel while the component is mounted, and returns it. The client leaves with the
 * component, unless another one uses the channel. All components that use the same channel of a
 * page see the same messages.
 *
 * @param name The name of the channel; `undefined`: no channel.
 * @param options Those of the first use of a channel apply, but for `keep`.
 * @throws {TypeError} If the name is invalid.
 * @throws {RangeError} If a number is out of range.
 * @example
 * import { createMessage } from 'rxwire';
 * import { useChannel } from 'rxwire/react';
 *
 * function useRoom() {
 *   const { messages, state, next } = useChannel('room.1', { from: { last: 20 } });
 *   const say = (text: string) => next(createMessage('chat.said', text));
 *   return { texts: messages.map(({ payload }) => payload), status: state.status, say };
 * }
 */
export function useChannel<Types extends object = AnyTypes>(
  name: string | undefined,
  options: ChannelViewOptions = {},
): ChannelView<MessageIn<Types>> {
  checkOptions('useChannel', options);
  const { keep, ...channelOptions } = readChannelView('useChannel', options);
  const wire = useWire();

  const view = useMemo(() => {
    const found = name === undefined ? undefined : channel<Types>(wire, name, channelOptions);
    return {
      channel: found,
      state$: found?.state$,
      messages$: found && latestMessages(found, keep, options.microtask),
      actions: channelActions('useChannel', () => found),
    };
  }, [wire, name, keep]);
  const state = useLatest(view.state$, LEFT);
  const messages = useLatest<readonly MessageIn<Types>[]>(view.messages$, NO_MESSAGES);
  return { channel: view.channel, state, messages, ...view.actions };
}

const NO_MESSAGES: readonly never[] = [];
