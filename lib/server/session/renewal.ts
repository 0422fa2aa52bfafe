import { EMPTY, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, ProtocolError } from '../../errors.js';
import type { Connection } from '../../session/connection.js';
import { controlFrame } from '../../session/frames.js';
import type { Wait } from '../../session/storing.js';
import type { Attachment } from '../attachment.js';
import { expiryOf, goodbyeOf } from '../identified.js';

/** Takes fresh tokens, one at a time, and tells how long they are good for. Who shows a bad one is closed as at its hello. */
export function createRenewal(attachment: () => Attachment, wait: Wait, scheduler: SchedulerLike) {
  let asking: Connection | undefined;

  const renew = (token: string, connection: Connection): void => {
    if (asking === connection) throw new ProtocolError('an auth while another is looked into');
    asking = connection;
    const arrived = attachment();
    const settle = (end: () => void): void => {
      if (asking === connection) asking = undefined;
      end();
    };
    const welcome = (): void => connection.send(controlFrame('auth', expiryOf(arrived.principal, scheduler) ?? 0));
    const refuse = (error: unknown): void => connection.fail(new ConnectionLostError(...goodbyeOf(error)));
    wait(
      () => arrived.renew?.(token) ?? EMPTY,
      () => settle(welcome),
      (error) => settle(() => refuse(error)),
    );
  };
  return { renew, isIdle: (): boolean => asking === undefined };
}
