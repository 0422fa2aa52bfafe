import { nanoid } from 'nanoid';
import { asyncScheduler } from 'rxjs';
import { NAME_PATTERN } from '../message/limits.js';
import { isOffline, networkSignals } from '../session/networkSignals.js';
import type { ConnectOptions } from './connectOptions.js';
import { sessionProtocol } from './sessionProtocol.js';
import { Wire } from './wire.js';

export type { ConnectOptions } from './connectOptions.js';

/**
 * Opens a wire: a Subject of messages over a link that is opened again whenever it is lost.
 *
 * A message is kept until the server has processed it, and sent again after each reconnect, in order; what comes twice is dropped. When
 * the server has forgotten the session, `at-least-once` sends again what may have arrived, and `exactly-once` gives it up. With
 * `at-most-once` a message is sent once, and nobody asks.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if `id` is no name, if of several codecs some seal and others do not, or if a store that outlives the process has no `durability`.
 * @throws {UnsupportedError} At call time, for exactly-once, a token or a sealed codec with `envelopeProtocol`.
 * @throws {ReconnectGivenUpError} Delivered, when `reconnect.maxRetries` attempts in a row have failed.
 * @throws {UnauthorizedError} Delivered, when the server does not let this client in.
 * @throws {ConnectionLostError} Delivered, when another close code says that reconnecting is of no use.
 * @throws {StoreError} Delivered, when the outbox cannot be opened, or has another owner.
 * @example
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), reconnect: { initialInterval: 500 } });
 * wire.next(createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: 'console.log(6 * 7)' }));
 * wire.pipe(ofType('execution.output')).subscribe(({ payload }) => console.log(payload.data));
 */
export function connect(options: ConnectOptions): Wire {
  const { link, delivery = 'at-least-once', id = nanoid(), scheduler = asyncScheduler, protocol = sessionProtocol } = options;
  const { signals$ = networkSignals } = options;
  if (!NAME_PATTERN.test(id)) throw new TypeError(`connect: "id" must match ${NAME_PATTERN.source}, got ${id}`);

  return new Wire({
    ...{ ...options, id, delivery, scheduler, signals$, open: protocol({ ...options, id }) },
    get isOffline() {
      return isOffline();
    },
    protocol: () => link.protocol ?? 'custom',
    get endpoint() {
      return link.endpoint ?? '';
    },
  });
}
