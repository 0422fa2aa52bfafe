import { noop } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { ChannelEndedError, ChannelFailedError, InvalidMessageError, NotEncryptedError, type RxwireError } from '../../errors.js';
import { ignorable } from '../../internal/ignorable.js';
import { attempt, whenReady, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { ChannelSubject, type ChannelParts } from '../channels/channelSubject.js';
import type { HubChannels } from './hubChannels.js';

export interface HubSubjectParts extends Pick<ChannelParts, 'name' | 'messages$' | 'presence$'> {
  readonly store: HubChannels['store'];
  /** The `source` of messages without one. */
  readonly id: string;
  readonly report: (error: RxwireError) => void;
}

/** Returns a channel of the server, as a Subject. */
export function createHubSubject({ store: storeIn, id, report, ...parts }: HubSubjectParts): ChannelSubject {
  const { name } = parts;
  const store = (message: Message): MaybeAsync<ChannelPosition | undefined> =>
    storeIn(name, message.source ? message : { ...message, source: id });
  const fail = (error: unknown): void => report(failureOf(error, name));

  return new ChannelSubject({
    ...parts,
    publish(message) {
      if (isUnencrypted(message)) fail(new NotEncryptedError(message));
      else
        void whenReady(
          attempt(() => store(message), noop, fail),
          noop,
          fail,
        );
    },
    send(message) {
      const answer = new Promise<ChannelPosition | undefined>((resolve, reject) => {
        const stored = (position: ChannelPosition | undefined): void =>
          resolve(position && { epoch: position.epoch, offset: position.offset });
        const failed = (error: unknown): void => {
          fail(error);
          reject(failureOf(error, name));
        };
        if (isUnencrypted(message)) failed(new NotEncryptedError(message));
        else attempt(() => void whenReady(store(message), stored, failed), noop, failed);
      });
      return ignorable(answer, noop);
    },
  });
}

function failureOf(error: unknown, channel: string): RxwireError {
  return error instanceof NotEncryptedError || error instanceof ChannelEndedError || error instanceof InvalidMessageError
    ? error
    : new ChannelFailedError('log', channel, error);
}
