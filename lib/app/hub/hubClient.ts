import { isObservable, map, noop, type Observable } from 'rxjs';
import { ChannelFailedError } from '../../errors.js';
import { estimateSize } from '../../internal/estimateSize.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelJoin, ChannelRefusal } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import { channelNameOf, readHistoryRequest, readJoin, readUpdate, readWatch } from '../channels/channelPayloads.js';
import type { HubChannel } from './hubChannel.js';
import type { HubChannels } from './hubChannels.js';
import type { ClientTurn } from './clientTurns.js';
import { createHistoryRequests, type HistoryRequests } from './historyRequests.js';
import { refusedMessage, removedMessage } from './hubMessages.js';
import { createPageFlow, type PageFlow } from './pageFlow.js';
import { createPublisher, type PublisherOptions } from './publisher.js';

export interface HubClientOptions extends PublisherOptions {
  readonly channels: Pick<HubChannels, 'open' | 'sizeOf' | 'store' | 'source'>;
  /** The maximum number of the latest, or older, messages in one answer. */
  readonly maxReplay: number;
  /** The maximum number of channels, and of requests for older messages that wait. */
  readonly maxChannels: number;
  readonly maxMembers: number;
  /** Creates the turns of the client. */
  readonly turns: () => ClientTurn;
}

/** One client of a hub, until its wire ends. */
export interface HubClient {
  /**
   * Handles a message of the client. The next message must wait until the returned Observable has
   * completed.
   *
   * @throws {InvalidMessageError} If the request is malformed.
   */
  readonly receive: (message: Message) => Observable<undefined> | undefined;
  /**
   * Called with each message that is handled, in its delivery. The sender of a refused message
   * receives the reason with the ack.
   */
  readonly settle: (message: Message) => void;
  /** Called with a message that could not be handled, and the error. */
  readonly fail: (message: Message, error: unknown) => void;
  /** Makes the client a member, which joins without being authorized. */
  readonly admit: (channel: string) => void;
  /** Ends the membership. Returns whether there was one, or a request for one. */
  readonly remove: (channel: string, reason: string) => boolean;
  /** Leaves all channels. */
  readonly end: () => void;
}

export function createHubClient(options: HubClientOptions): HubClient {
  const joined = new Map<string, HubChannel>();
  /** The channels that the client may join without being authorized. */
  const admitted = new Set<string>();
  /** The numbers of the latest join requests. */
  const joins = new Map<string, number>();
  const publisher = createPublisher(options);
  const turn = options.turns();
  const flow = createPageFlow(options.wire, turn);
  const requests = createRequests(flow, options);
  let hasEnded = false;

  const leave = (channel: string): void => {
    const hubChannel = joined.get(channel);
    joined.delete(channel);
    joins.delete(channel);
    hubChannel?.leave(options.wire);
  };
  const enter = (join: ChannelJoin): MaybeAsync<void> => {
    if (!hasEnded) return enterChannel(join.channel).join(flow, options.member, join);
  };
  const enterChannel = (channel: string): HubChannel => {
    const hubChannel = joined.get(channel) ?? options.channels.open(channel);
    joined.set(channel, hubChannel);
    return hubChannel;
  };
  const authorizeJoin = (channel: string): MaybeAsync<string | undefined> => {
    const { wire, member, authorize } = options;
    return admitted.has(channel) ? undefined : authorize({ wire, member, channel, action: 'join' });
  };
  const handle = (message: Message): MaybeAsync<void> => {
    const { type, payload } = message;
    if (type === 'channel.join') return join(message, { joined, joins, authorizeJoin, enter, leave }, options);
    if (type === 'channel.publish') return publisher.publish(message);
    if (type === 'channel.update') return updateFor(message, joined, options);
    if (type === 'channel.history') return readPastFor(message, { authorizeJoin, requests }, options);
    if (type === 'channel.leave') leave(channelNameOf(payload));
    if (type !== 'channel.watch') return;
    const { channel, watch } = readWatch(payload);
    joined.get(channel)?.watch(options.wire, watch);
  };

  return {
    receive(message) {
      const work = turn(() => handle(message));
      return isObservable(work) ? work.pipe(map(() => undefined)) : undefined;
    },
    settle(message) {
      const rejection = publisher.takeRejection();
      if (rejection) claim(message)?.end({ rejection });
    },
    fail(message, error) {
      options.report(error);
      if (message.type === 'channel.publish') publisher.refuseFailed(message, error);
    },
    admit(channel) {
      if (hasEnded) return;
      admitted.add(channel);
      enterChannel(channel).admit(flow, options.member);
    },
    remove(channel, reason) {
      const number = joins.get(channel);
      const wasMember = joined.has(channel) || number !== undefined;
      admitted.delete(channel);
      leave(channel);
      // The hub sends nothing to a client that has not requested a join.
      if (number !== undefined) options.wire.next(removedMessage(channel, number, reason));
      return wasMember;
    },
    end() {
      hasEnded = true;
      requests.end();
      for (const channel of [...joined.keys()]) leave(channel);
    },
  };
}

interface JoinActions {
  readonly joined: ReadonlyMap<string, HubChannel>;
  readonly joins: Map<string, number>;
  /** Returns the reason of a refusal, or undefined. */
  readonly authorizeJoin: (channel: string) => MaybeAsync<string | undefined>;
  readonly enter: (join: ChannelJoin) => MaybeAsync<void>;
  readonly leave: (channel: string) => void;
}

/** Adds a client to a channel. A member joins again after it may have missed messages. */
function join(message: Message, { joined, joins, authorizeJoin, enter, leave }: JoinActions, options: HubClientOptions): MaybeAsync<void> {
  const { wire, report, maxChannels, maxMembers } = options;
  const request = readJoin(message.payload);
  const { channel } = request;
  const isNewMember = !joined.has(channel);
  const refuse = (reason: string): void => {
    leave(channel);
    wire.next(refusedMessage(message, { channel, action: 'join', reason, join: request.join }));
  };

  joins.set(channel, request.join);
  if (isNewMember && joined.size >= maxChannels) return refuse('limit');
  return chain(authorizeJoin(channel), (reason): MaybeAsync<void> => {
    // The server has removed the client in the meantime.
    if (joins.get(channel) !== request.join) return;
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

/** The maximum estimated size of the state of a member, in bytes. */
const MAX_STATE = 4_096;

/**
 * Sets the state of a member. That of a client that is no member is ignored: it may have been
 * removed meanwhile.
 */
function updateFor(
  message: Message,
  joined: ReadonlyMap<string, HubChannel>,
  { wire, member, authorize }: HubClientOptions,
): MaybeAsync<void> {
  const { channel, state } = readUpdate(message.payload);
  if (!joined.has(channel)) return;
  const decide = (reason: string | undefined): void => {
    if (reason === undefined) joined.get(channel)?.update(wire, state);
    else wire.next(refusedMessage(message, { channel, action: 'presence', reason }));
  };
  if (estimateSize(state, MAX_STATE) > MAX_STATE) return decide('too-large' satisfies ChannelRefusal);
  return chain(authorize({ wire, member, channel, action: 'presence', state }), decide);
}

/** Creates the requests for older messages. */
function createRequests(flow: PageFlow, { channels: { source }, maxReplay, maxChannels, report, wire }: HubClientOptions): HistoryRequests {
  return createHistoryRequests({
    log: source,
    flow,
    maxReplay,
    maxRequests: maxChannels,
    onFailed(request, channel, error) {
      report(new ChannelFailedError('log', channel, error));
      wire.next(refusedMessage(request, { channel, action: 'join', reason: 'failed' satisfies ChannelRefusal }));
    },
  });
}

/** Requests older messages of a channel, if the client may join it. */
function readPastFor(
  message: Message,
  { authorizeJoin, requests }: Pick<JoinActions, 'authorizeJoin'> & { readonly requests: HistoryRequests },
  { wire }: HubClientOptions,
): MaybeAsync<void> {
  const range = readHistoryRequest(message.payload);
  const { channel } = range;
  return chain(authorizeJoin(channel), (refusal) => {
    const reason = refusal ?? (requests.add(message, range) ? undefined : ('limit' satisfies ChannelRefusal));
    if (reason !== undefined) wire.next(refusedMessage(message, { channel, action: 'join', reason }));
  });
}
