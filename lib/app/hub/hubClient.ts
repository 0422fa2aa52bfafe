import { isObservable, map, noop, type Observable } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { ChannelFailedError } from '../../errors.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import { estimateSize } from '../../internal/estimateSize.js';
import type { ChannelJoin, ChannelMember, ChannelRefusal } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { channelNameOf, readJoin, readPublish, readWatch } from '../channels/channelPayloads.js';
import type { ChannelLog } from './channelLog.js';
import type { ChannelRequest } from './hubOptions.js';
import type { HubChannel } from './hubChannel.js';
import type { HubChannels } from './hubChannels.js';
import { refusedMessage } from './hubMessages.js';

export interface HubClientOptions {
  readonly wire: Wire;
  readonly member: ChannelMember;
  readonly log: ChannelLog;
  readonly channels: Pick<HubChannels, 'open' | 'sizeOf'>;
  readonly authorize: (request: ChannelRequest) => MaybeAsync<boolean>;
  readonly report: (error: unknown) => void;
  readonly maxChannels: number;
  readonly maxMembers: number;
  readonly maxSize: number;
}

/** One client of a hub, until its wire ends. */
export interface HubClient {
  /**
   * Handles a message of the client. The next message must wait until the returned Observable has completed.
   *
   * @throws {InvalidMessageError} If the request is malformed.
   */
  readonly receive: (message: Message) => Observable<null> | undefined;
  /** Leaves all channels. */
  readonly end: () => void;
}

export function createHubClient(options: HubClientOptions): HubClient {
  const joined = new Map<string, HubChannel>();
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
    if (type === 'channel.publish') return publish(message, options);
    if (type === 'channel.leave') leave(channelNameOf(payload));
    if (type !== 'channel.watch') return;
    const { channel, watch } = readWatch(payload);
    joined.get(channel)?.watch(options.wire, watch);
  };

  return {
    receive(message) {
      const work = handle(message);
      return isObservable(work) ? work.pipe(map(() => null)) : undefined;
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
  const { wire, member, authorize, maxChannels, maxMembers } = options;
  const request = readJoin(message.payload);
  const { channel } = request;
  const isNewMember = !joined.has(channel);
  const refuse = (reason: ChannelRefusal): void => {
    leave(channel);
    wire.next(refusedMessage(message, { channel, action: 'join', reason, join: request.join }));
  };

  if (isNewMember && joined.size >= maxChannels) return refuse('limit');
  return chain(authorize({ wire, member, channel, action: 'join' }), (isAllowed): MaybeAsync<void> => {
    if (!isAllowed) return refuse('forbidden');
    if (isNewMember && options.channels.sizeOf(channel) >= maxMembers) return refuse('full');
    return attempt(() => enter(request), noop, onLogError(channel, options, refuse));
  });
}

/** Appends a client's message to the log, with the client as its source. The log delivers it to the members. */
function publish(message: Message, options: HubClientOptions): MaybeAsync<void> {
  const { wire, member, log, authorize, maxSize } = options;
  const { channel, message: original } = readPublish(message.payload);
  const published = { ...original, source: member.id };
  const refuse = (reason: ChannelRefusal): void => wire.next(refusedMessage(message, { channel, action: 'publish', reason }));

  if (estimateSize(original, maxSize) > maxSize) return refuse('too-large');
  // A log and other members would have the plain text, also where the codec of this client encrypts.
  if (isUnencrypted(original)) return refuse('not-encrypted');
  return chain(authorize({ wire, member, channel, action: 'publish', message: published }), (isAllowed): MaybeAsync<void> => {
    if (!isAllowed) return refuse('forbidden');
    return attempt(() => log.append(channel, published), noop, onLogError(channel, options, refuse));
  });
}

function onLogError(channel: string, { report }: HubClientOptions, refuse: (reason: ChannelRefusal) => void): (error: unknown) => void {
  return (error) => {
    report(new ChannelFailedError('log', channel, error));
    refuse('failed');
  };
}
