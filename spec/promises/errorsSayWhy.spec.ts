import { firstValueFrom, Subject } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import type { Codec } from '../../lib/codec/codec.js';
import { keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { sealed } from '../../lib/codec/sealed.js';
import { EncodeError, InvalidMessageError, UnauthorizedError, type RxwireError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { Wire } from '../../lib/wire/wire.js';
import { protocols } from '../support/protocols.js';
import { record } from '../support/record.js';
import { network, pair } from '../support/sessionPair.js';

const named = (id: string, payload: unknown = null): Message => createMessage<string, unknown>('test.any', payload, { id });
const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));
const failureOf = (sent: Promise<unknown>): Promise<RxwireError> =>
  sent.then(
    () => Promise.reject(new Error('resolved')),
    (error: unknown) => error as RxwireError,
  );

describe.each(protocols)('The rejection of send() says why the wire has ended (%s)', (_, protocol) => {
  const reason = new UnauthorizedError(4401, 'the token was not accepted');

  it('of a waiting message, and of a later one: in its cause and in its text', async () => {
    const net = network();
    net.down();
    const wire = net.connect({ protocol });
    const ended = record(wire).ended;
    const waiting = failureOf(wire.send(named('m1')));
    wire.error(reason);
    expect(await ended).toBe(reason);
    const late = failureOf(wire.send(named('m2')));
    for (const [error, code] of [
      [await waiting, 'ERR_DROPPED'],
      [await late, 'ERR_WIRE_CLOSED'],
    ] as const) {
      expect([error.code, error.cause]).toEqual([code, reason]);
      expect(error.message).toContain('the wire has ended');
      expect(error.message).toContain(`(${reason.text}`);
      expect(error.message.split('rxwire/docs')).toHaveLength(2);
      expect(error.message).toMatch(new RegExp(` \\(see rxwire/docs/errors\\.md#${code.toLowerCase()}\\)$`));
    }
  });

  it('has no cause when the application has ended the wire, nor the text of an error of other code, which may hold paths', async () => {
    const net = network();
    net.down();
    const [left, thrown] = [net.connect({ protocol }), net.connect({ protocol })];
    const [first, second] = [failureOf(left.send(named('m1'))), failureOf(thrown.send(named('m1')))];
    const cause = new Error('/srv/secret');
    left.unsubscribe();
    record(thrown);
    thrown.error(cause);
    expect(await first).toMatchObject({ code: 'ERR_DROPPED', text: 'the message m1 was dropped: the wire has ended', cause: undefined });
    expect(await second).toMatchObject({ code: 'ERR_DROPPED', text: 'the message m1 was dropped: the wire has ended', cause });
  });

  it.each<[string, Codec]>([
    ['json', json()],
    ['msgpack', msgpack()],
  ])('ERR_ENCODE names the message by its id and type: %s', async (name, codec) => {
    const net = network();
    const server = net.serve({ codecs: [codec] }, (served) => void served.subscribe());
    cleanups.push(() => server.unsubscribe());
    const wire = net.connect({ protocol, codec });
    const all = ['a', 'b', 'c'].map((id) => failureOf(wire.send(named(id, id === 'b' ? { at: () => 1 } : id))).catch(() => undefined));
    const error = await all[1];
    expect(error).toBeInstanceOf(EncodeError);
    expect(error).toMatchObject({ code: 'ERR_ENCODE', codec: name, id: 'b', type: 'test.any' });
    expect(error?.message).toContain(`the codec ${name} cannot encode the message b (test.any): `);
    wire.unsubscribe();
  });

  it.each([-1, 0.5, 4, 7, NaN, 'high', 'length', '__proto__', Object.create(null)])(
    'a message with the priority %p is refused with the reason, and the next one is sent',
    async (priority) => {
      const net = network();
      const server = net.serve({}, (one) => void one.subscribe());
      cleanups.push(() => server.unsubscribe());
      const wire = net.connect({ protocol });
      const error = await failureOf(wire.send({ ...named('bad'), priority: priority as never }));
      expect(error).toMatchObject({ code: 'ERR_INVALID_MESSAGE' });
      expect(error.message).toContain('priority must be 0, 1, 2 or 3');
      await wire.send(named('good'));
      wire.unsubscribe();
    },
  );

  it.each([undefined, null, 'text', 7, {}, { id: 3, type: 'test.any' }, [named('a')]])(
    'an invalid message is an ERR_INVALID_MESSAGE with the expected form, and the next message is sent: %j',
    async (value) => {
      const net = network();
      const served = new Subject<Message>();
      const server = net.serve({}, (one) => void one.subscribe((message) => served.next(message)));
      cleanups.push(() => server.unsubscribe());
      const arrived = firstValueFrom(served);
      const wire = net.connect({ protocol });
      const [errors, failures] = [record(wire.errors$), record(wire.failures$)];
      wire.next(value as never);
      const rejected = failureOf(wire.send(value as never));
      wire.next(named('good'));
      const error = await rejected;
      expect(error).toBeInstanceOf(InvalidMessageError);
      expect(error).toMatchObject({ code: 'ERR_INVALID_MESSAGE' });
      expect(error.message).toMatch(/^invalid message: message must be an object with an id, as createMessage returns it, got /);
      expect((await arrived).id).toBe('good');
      expect([errors.values.length, failures.values.map(({ status }) => status)]).toEqual([2, ['dead', 'dead']]);
      wire.unsubscribe();
    },
  );
});

describe('A sealed codec whose keys do not match', () => {
  const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  it.each([
    ['the same name with other bytes', { k1: key(2) }, 'k1', 'the key k1 of this side does not open it'],
    ['another name', { k2: key(2) }, 'k2', 'the keyring of this side has no key k1'],
  ])('says so on both sides: %s', async (_, theirs, current, text) => {
    const served = new Subject<Wire>();
    const first = firstValueFrom(served);
    const { wire, close } = pair({
      client: { codec: sealed(json(), keyring({ current: 'k1', keys: { k1: key(1) } })) },
      server: { codecs: [sealed(json(), keyring({ current, keys: theirs }))] },
      onServerWire: (one) => served.next(one),
    });
    const here = record(wire.errors$);
    const ended = record(wire).ended;
    wire.next(named('a'));
    const there = record((await first).errors$);
    await ended;
    expect(there.values[0]).toMatchObject({ code: 'ERR_DECODE' });
    expect(there.values[0]?.message).toContain(text);
    expect(there.values[0]?.message).toContain('the keys of the two sides do not match');
    const losses = here.values.filter(({ code }) => code === 'ERR_CONNECTION_LOST');
    expect(losses.length).toBeGreaterThan(0);
    for (const loss of losses) expect(loss.message).toContain('the keys of the two sides do not match');
    close();
  });
});
