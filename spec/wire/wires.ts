import { jest } from '@jest/globals';
import { defer, map, merge, Subject, takeUntil, tap } from 'rxjs';
import { ConnectionLostError } from '../../lib/message/errors.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { createMessage, type MessageOptions } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

export const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', null, { ...options, id });

/** Lets time pass, and the microtasks of each moment. */
export const wait = (ms = 0): Promise<void> => jest.advanceTimersByTimeAsync(ms);

/** A pair of links for frames that the test can cut, for both ends at once. */
export function cuttableLinks() {
  const [near, far] = memoryLink<Frame>();
  const cut$ = new Subject<number>();

  const cuttable =
    (link: Link<Frame>): Link<Frame> =>
    (outgoing) =>
      defer(() => {
        const end$ = new Subject<void>();
        const lost$ = cut$.pipe(
          map((code) => {
            throw new ConnectionLostError(code, 'cut');
          }),
        );
        return merge(link(outgoing).pipe(tap({ complete: () => end$.next() })), lost$).pipe(takeUntil(end$));
      });
  return { near: cuttable(near), far: cuttable(far), cut: (code = 1006): void => cut$.next(code) };
}

const reconnect = { initialInterval: 100, maxInterval: 100, jitter: 0 };

/** Two wires that are each other's peer, in this process, by the one protocol that needs no server. */
export function wirePair(options: Omit<ConnectOptions, 'link'> = {}) {
  const { near, far, cut } = cuttableLinks();
  const wire = connect({ link: near, id: 'near', protocol: envelopeProtocol, reconnect, ...options });
  const peer = connect({ link: far, id: 'far', protocol: envelopeProtocol, reconnect });
  return { wire, peer, cut };
}
