import { fromEventPattern, map, type Observable, type Unsubscribable } from 'rxjs';
import type { ChannelBroadcast } from '../app/hub/channelLog.js';
import type { Message } from '../message/types.js';
import { failed, type NatsContext } from './natsContext.js';

/** Messages that are not stored. They use plain subjects of NATS, beside the stream. */
export interface Broadcasts {
  /** @throws {StoreError} While there is no connection: the client of NATS would keep the message, and send it late. */
  readonly send: (channel: string, message: Message) => void;
  /** Emits the messages of all servers, those of this one included. */
  readonly of: (channel: string) => Observable<ChannelBroadcast>;
}

export function createBroadcasts({ connection, subjects, status, encode, decode, report }: NatsContext): Broadcasts {
  const subscribe = (subject: string, next: (message: Message) => void): Unsubscribable =>
    connection.subscribe(subject, {
      callback(error, { data }) {
        if (error) {
          report(failed(error));
          return;
        }
        const message = decode(data, subject);
        if (message) next(message);
      },
    });
  return {
    send(channel, message) {
      if (!status.isConnected()) throw failed(new Error('the connection to NATS is lost'));
      connection.publish(subjects.broadcastOf(channel), encode(message));
    },
    of(channel) {
      const messages$ = fromEventPattern<Message>(
        (next) => subscribe(subjects.broadcastOf(channel), next),
        (_, subscription: Unsubscribable) => subscription.unsubscribe(),
      );
      return messages$.pipe(map((message) => ({ message })));
    },
  };
}
