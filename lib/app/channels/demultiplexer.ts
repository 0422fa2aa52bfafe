import { noop, Subscription } from 'rxjs';
import { RxwireError } from '../../errors.js';
import { markInternal } from '../../internal/internalSubscriptions.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { isChannelMessage } from './channelPayloads.js';

/** The events of a wire that concern one channel. */
export interface ChannelReceiver {
  /** Handles a message about this channel. Must not throw. */
  readonly receive: (message: Message) => void;
  /** The server may have lost the membership or messages. */
  readonly resync: (cause: 'restarted' | 'lost' | 'missed') => void;
  /** The wire has ended, with its error if it failed. */
  readonly end: (error?: RxwireError) => void;
}

const REASONS = { ERR_SESSION_LOST: 'lost', ERR_MISSED: 'missed' } as const;

/**
 * Distributes the messages of a wire to its channels: one subscription for all of them, and one Map
 * lookup for each message.
 */
export function createDemultiplexer(wire: Wire) {
  const receivers = new Map<string, ChannelReceiver>();
  let subscription: Subscription | undefined;

  const forEach = (action: (receiver: ChannelReceiver) => void): void => [...receivers.values()].forEach(action);
  const receive = (message: Message): void => {
    if (!isChannelMessage(message)) return;
    if (message.type === 'channel.reset') {
      forEach((receiver) => receiver.resync('restarted'));
      return;
    }
    const { channel } = Object(message.payload) as { readonly channel?: string };
    receivers.get(channel ?? '')?.receive(message);
  };
  const end = (): void => {
    const { status, error } = wire.state;
    forEach((receiver) => receiver.end(status === 'error' && error instanceof RxwireError ? error : undefined));
  };
  const subscribeToWire = (): void => {
    subscription = new Subscription();
    const next = ({ code }: RxwireError): void => {
      if (code === 'ERR_SESSION_LOST' || code === 'ERR_MISSED') forEach((receiver) => receiver.resync(REASONS[code]));
    };
    // `errors$` ends with the wire in every case. Subscribers of a wire that is unsubscribed are
    // not notified.
    const errors = markInternal(wire.errors$.subscribe({ next, complete: end }));
    subscription.add(errors);
    if (!errors.closed) subscription.add(markInternal(wire.subscribe({ next: receive, error: noop })));
  };

  return {
    add(name: string, receiver: ChannelReceiver): void {
      receivers.set(name, receiver);
      if (!subscription) subscribeToWire();
    },
    has: (name: string): boolean => receivers.has(name),
    remove(name: string): void {
      receivers.delete(name);
      if (receivers.size > 0) return;
      subscription?.unsubscribe();
      subscription = undefined;
    },
  };
}

export type Demultiplexer = ReturnType<typeof createDemultiplexer>;
