import { firstValueFrom, Subject, timer } from 'rxjs';
import { MessageDroppedError, MessagesMissedError } from '../../../lib/message/errors.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import { MessagePriority } from '../../../lib/message/messagePriority.js';
import type { Message } from '../../../lib/message/types.js';
import { record } from '../../support/record.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';

const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', null, { ...options, id });
const ids = (messages: readonly { readonly id: string }[]): readonly string[] => messages.map(({ id }) => id);
const pause = (ms: number): Promise<unknown> => firstValueFrom(timer(ms));

describe('messages that wait to be sent over a session', () => {
  let close: (() => void) | undefined;
  afterEach(() => close?.());

  /** A client that has lost its connection, and a server that notes what it gets. */
  async function offline(client: PairOptions['client'] = {}) {
    const got$ = new Subject<Message>();
    const got = record(got$);
    const both = pair({ client, onServerWire: (wire) => void wire.subscribe((one) => got$.next(one)) });
    close = both.close;
    const { errors$ } = await both.serverWire();
    both.down();
    return { ...both, got, missed: record(errors$), errors: record(both.wire.errors$) };
  }

  it.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)(
    'goes out when there is a connection, in order: %s',
    async (delivery) => {
      const { wire, up, got } = await offline({ delivery });
      for (const id of ['a', 'b', 'c']) wire.next(message(id));
      up();
      await got.take(3);
      expect(ids(got.values)).toEqual(['a', 'b', 'c']);
    },
  );

  it('are sent by priority, as long as they have no number', async () => {
    const { wire, up, got } = await offline();
    wire.next(message('low', { priority: MessagePriority.LOW }));
    wire.next(message('normal'));
    wire.next(message('critical', { priority: MessagePriority.CRITICAL }));
    up();
    await got.take(3);
    expect(ids(got.values)).toEqual(['critical', 'normal', 'low']);
  });

  it('are dropped when the queue is full, and the other side receives the number of missing ones', async () => {
    const { wire, up, got, errors, missed } = await offline({ maxQueued: 2, overflow: 'drop-oldest' });
    for (const id of ['a', 'b', 'c', 'd', 'e']) wire.next(message(id));
    up();
    await got.take(2);
    expect(ids(got.values)).toEqual(['d', 'e']);
    expect(errors.values.filter((error) => error instanceof MessageDroppedError)).toHaveLength(3);
    expect(missed.values).toContainEqual(new MessagesMissedError(3));
  });

  it('are dropped when their ttl has passed, and the other side receives a notice', async () => {
    const { wire, up, got, errors, missed } = await offline();
    wire.next(message('old', { ttl: 5 }));
    wire.next(message('new'));
    await pause(20);
    up();
    await got.take(1);
    expect(ids(got.values)).toEqual(['new']);
    expect(errors.values).toContainEqual(new MessageDroppedError('old', 'expired'));
    expect(missed.values).toContainEqual(new MessagesMissedError(1));
  });

  it('have the outcome expired when their ttl passes, also while there is no connection', async () => {
    const { wire } = await offline();
    const isLate = wire.send(message('soon', { ttl: 20 })).catch((error: unknown) => error);
    wire.next(message('a'));
    expect(await isLate).toEqual(new MessageDroppedError('soon', 'expired'));
    expect([wire.state.status, wire.isPending('soon'), wire.isPending('a')]).toEqual(['reconnecting', false, true]);
  });

  it('cannot be encoded: it alone is given up, and the others of its batch go out', async () => {
    const { wire, up, got, errors } = await offline();
    wire.next(message('a'));
    wire.next({ ...message('b'), payload: 1n });
    wire.next(message('c'));
    up();
    await got.take(2);
    expect(ids(got.values)).toEqual(['a', 'c']);
    expect(errors.values.map(({ code }) => code)).toContain('ERR_ENCODE');
  });
});

describe('messages that arrive over a session before the first subscriber', () => {
  it('waits unacked for the first subscriber', async () => {
    const { wire, serverWire, close } = pair();
    const acked = wire.send(message('a'));
    const there = await serverWire();
    const first = await Promise.race([acked.then(() => 'acked'), pause(30).then(() => 'waiting')]);
    const got = record(there);
    await acked;
    expect([first, ids(got.values)]).toEqual(['waiting', ['a']]);
    close();
  });
});
