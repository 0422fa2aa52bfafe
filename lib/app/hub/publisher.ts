import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { ChannelEndedError, ChannelFailedError, InvalidMessageError } from '../../errors.js';
import { attempt, chain, isLater, type MaybeAsync } from '../../internal/maybeAsync.js';
import { estimateSize } from '../../internal/estimateSize.js';
import type { ChannelMember, ChannelPosition, ChannelPublish, ChannelRefusal } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Rejection } from '../../session/store/inbox.js';
import type { Wire } from '../../wire/wire.js';
import { channelNameOf, isChannelMessage, readEnd, readPublish } from '../channels/channelPayloads.js';
import type { ChannelRequest } from './hubOptions.js';
import type { HubChannels } from './hubChannels.js';
import { publishedMessage, refusedMessage } from './hubMessages.js';

export interface PublisherOptions {
  readonly wire: Wire;
  readonly member: ChannelMember;
  readonly channels: Pick<HubChannels, 'store'>;
  /** Returns the reason of a refusal, or undefined. */
  readonly authorize: (request: ChannelRequest) => MaybeAsync<string | undefined>;
  readonly report: (error: unknown) => void;
  readonly maxSize: number;
}

/** Publishes the messages of one client, one after the other. */
export interface Publisher {
  /**
   * Stores a message in the log, with the client as its source. The log delivers it to the members.
   *
   * @throws {InvalidMessageError} If the request is malformed.
   */
  publish(carrier: Message): MaybeAsync<void>;
  /**
   * Tells the client that a message could not be handled. The message is a dead letter of its
   * session.
   */
  refuseFailed(carrier: Message, error: unknown): void;
  /** Returns the reason why the latest message was refused, once. */
  takeRejection(): Rejection | undefined;
}

/** A message to be published, and the `channel.publish` that carries it. */
interface Publish extends Required<ChannelPublish<Message>> {
  readonly carrier: Message;
  readonly action: 'publish' | 'end';
}

export function createPublisher({ wire, member, channels, authorize, report, maxSize }: PublisherOptions): Publisher {
  let rejection: Rejection | undefined;
  let publisher: string | undefined;

  const refuse = ({ carrier, channel, action }: Pick<Publish, 'carrier' | 'channel' | 'action'>, reason: string): void => {
    rejection = { kind: 'refused', code: 'ERR_CHANNEL_REFUSED', reason };
    wire.next(refusedMessage(carrier, { channel, action, reason }));
  };
  const confirm = ({ carrier, channel, confirm: isAwaited }: Publish, position: ChannelPosition | undefined): void => {
    if (isAwaited) wire.next(publishedMessage(carrier, channel, position));
  };
  const fail = (publish: Publish, error: unknown): void => {
    if (error instanceof ChannelEndedError) {
      refuse(publish, 'ended' satisfies ChannelRefusal);
      return;
    }
    const isInvalid = error instanceof InvalidMessageError;
    report(isInvalid ? error : new ChannelFailedError('log', publish.channel, error));
    refuse(publish, isInvalid ? 'invalid' : 'failed');
  };
  /**
   * Without `authorize`, and with a log that returns its result, this makes no Observable and no
   * closure.
   */
  const decide = (publish: Publish, refusal: string | undefined): MaybeAsync<void> => {
    if (refusal !== undefined) return refuse(publish, refusal);
    let position: MaybeAsync<ChannelPosition | undefined>;
    try {
      publisher ??= wire.publisher;
      position = channels.store(publish.channel, publish.message, publisher);
    } catch (error) {
      return fail(publish, error);
    }
    if (!isLater(position)) return confirm(publish, position);
    const stored$ = position;
    return attempt(
      () => stored$,
      (at) => confirm(publish, at),
      (error) => fail(publish, error),
    );
  };

  return {
    publish(carrier) {
      const { channel, message: original, ephemeral, confirm: isAwaited } = readPublish(carrier.payload);
      const isEnd = original.type === 'channel.ended';
      // The other messages of the protocol would deceive the members.
      if (isEnd) readEnd(original.payload);
      if (isChannelMessage(original) && (!isEnd || ephemeral))
        throw new InvalidMessageError('payload.message.type', 'must not begin with channel.');
      const action = isEnd ? 'end' : 'publish';
      if (estimateSize(original, maxSize) > maxSize) {
        refuse({ carrier, channel, action }, 'too-large' satisfies ChannelRefusal);
        return;
      }
      // The log and the other members would receive the plain text, also where the codec of this
      // client encrypts.
      if (isUnencrypted(original)) {
        refuse({ carrier, channel, action }, 'not-encrypted' satisfies ChannelRefusal);
        return;
      }
      const message: Message = { ...original, source: member.id, ...(ephemeral && { delivery: 'at-most-once' }) };
      const publish: Publish = { carrier, channel, action, message, ephemeral, confirm: isAwaited };
      const request: ChannelRequest = { wire, member, channel, action: 'publish', message };
      const refusal = isEnd ? chain(authorize(request), (reason) => reason ?? authorize({ ...request, action })) : authorize(request);
      return isLater(refusal) ? chain(refusal, (reason) => decide(publish, reason)) : decide(publish, refusal);
    },
    refuseFailed(carrier, error) {
      try {
        const reason: ChannelRefusal = error instanceof InvalidMessageError ? 'invalid' : 'failed';
        wire.next(refusedMessage(carrier, { channel: channelNameOf(carrier.payload), action: 'publish', reason }));
      } catch {
        // The client cannot assign a refusal without the name of a channel.
      }
    },
    takeRejection() {
      const taken = rejection;
      rejection = undefined;
      return taken;
    },
  };
}
