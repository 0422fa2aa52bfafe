import { isObservable, map, noop, type Observable } from 'rxjs';
import { ChannelFailedError } from '../../errors.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelJoin } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import { channelNameOf, readJoin, readWatch } from '../channels/channelPayloads.js';
import type { HubChannel } from './hubChannel.js';
import type { HubChannels } from './hubChannels.js';
import { refusedMessage } from './hubMessages.js';
import { createPublisher, type PublisherOptions } from './publisher.js';

export interface HubClientOptions extends PublisherOptions {
  readonly channels: Pick<HubChannels, 'open' | 'sizeOf' | 'store'>;
  readonly maxChannels: number;
  readonly maxMembers: number;
}

/** One client of a hub, until its wire ends. */
export interface HubClient {
  /**
   * Handles a message of the client. The next message must wait until the returned Observable has completed.
   *
   * @throws {InvalidMessageError} If the request is malformed.
   */
  readonly receive: (message: Message) => Observable<undefined> | undefined;
  /** Called with each message that is handled, in its delivery. The sender of a refused message learns the reason with the ack. */
  readonly settle: (message: Message) => void;
  /** Called with a message that could not be handled, and the error. */
  readonly fail: (message: Message, error: unknown) => void;
  /** Leaves all channels. */
  readonly end: () => void;
}

export function createHubClient(options: HubClientOptions): HubClient {
  const joined = new Map<string, HubChannel>();
  const publisher = createPublisher(options);
  let hasEnded = false;

  const leave = (channel: string): void => {
    const hubChannel = joined.get(channel);
    joined.delete(channel);
    hubChannel?.leave(options.wire);
  };
  const enter = (join: ChannelJoin): MaybeAsync<void> => {
    if (hasEnded) return;
    const hubChannel = joined.get(join.channel) ?? options.channels.open(join.channel);
    joined.set(join.channel, hubChannel);
    return hubChannel.join(options.wire, options.member, join);
  };
  const handle = (message: Message): MaybeAsync<void> => {
    const { type, payload } = message;
    if (type === 'channel.join') return join(message, { joined, enter, leave }, options);
    if (type === 'channel.publish') return publisher.publish(message);
    if (type === 'channel.leave') leave(channelNameOf(payload));
    if (type !== 'channel.watch') return;
    const { channel, watch } = readWatch(payload);
    joined.get(channel)?.watch(options.wire, watch);
  };

  return {
    receive(message) {
      const work = handle(message);
      return isObservable(work) ? work.pipe(map(() => undefined)) : undefined;
    },
    settle(message) {
      const rejection = publisher.takeRejection();
      if (rejection) claim(message)?.({ rejection });
    },
    fail(message, error) {
      options.report(error);
      if (message.type === 'channel.publish') publisher.refuseFailed(message, error);
    },
    end() {
      hasEnded = true;
      for (const channel of [...joined.keys()]) leave(channel);
    },
  };
}

interface JoinActions {
  readonly joined: ReadonlyMap<string, HubChannel>;
  readonly enter: (join: ChannelJoin) => MaybeAsync<void>;
  readonly leave: (channel: string) => void;
}

/** Adds a client to a channel. A member joins again after it may have missed messages. */
function join(message: Message, { joined, enter, leave }: JoinActions, options: HubClientOptions): MaybeAsync<void> {
  const { wire, member, authorize, report, maxChannels, maxMembers } = options;
  const request = readJoin(message.payload);
  const { channel } = request;
  const isNewMember = !joined.has(channel);
  const refuse = (reason: string): void => {
    leave(channel);
    wire.next(refusedMessage(message, { channel, action: 'join', reason, join: request.join }));
  };

  if (isNewMember && joined.size >= maxChannels) return refuse('limit');
  return chain(authorize({ wire, member, channel, action: 'join' }), (reason): MaybeAsync<void> => {
    if (reason !== undefined) return refuse(reason);
    if (isNewMember && options.channels.sizeOf(channel) >= maxMembers) return refuse('full');
    return attempt(
      () => enter(request),
      noop,
      (error) => {
        report(new ChannelFailedError('log', channel, error));
        refuse('failed');
      },
    );
  });
}
