import { jest } from '@jest/globals';
import { filter, firstValueFrom, lastValueFrom } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { ConnectionStatus } from '../../lib/wire/connectionState.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';
import { protocols } from '../support/protocols.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

const COUNT = 10_000;
const CUTS = 20;

const status = (wire: Wire, wanted: ConnectionStatus) => firstValueFrom(wire.state$.pipe(filter((state) => state.status === wanted)));

const nextAck = (wire: Wire) => firstValueFrom(wire.receipts$.pipe(filter((receipt) => receipt.status === 'acked')));

/** A wire and its peer on a server, over a real socket, through a proxy that can cut them. */
async function pair(options: Partial<ConnectOptions> = {}) {
  let accept: (wire: Wire) => void;
  const accepted = new Promise<Wire>((resolve) => (accept = resolve));
  const server = await wireServer((wire) => accept(wire));
  const proxy = await tcpProxy(server.port);
  const link = webSocket(`ws://127.0.0.1:${proxy.port}/wire`);
  const near = connect({ link, reconnect: { initialInterval: 5, maxInterval: 20 }, ...options });
  const far = await accepted;
  await Promise.all([status(near, 'connected'), status(far, 'connected')]);
  return {
    proxy,
    near: { wire: near, got: record(near), errors: record(near.errors$) },
    far: { wire: far, got: record(far), errors: record(far.errors$) },
    close: async (): Promise<void> => {
      near.complete();
      await Promise.all([lastValueFrom(near.state$), lastValueFrom(far.state$)]);
      await proxy.close();
      await server.close();
    },
  };
}

const count = (wire: Wire, number: number): void => wire.next(createMessage('test.count', number));

const payloads = (values: readonly { readonly payload: unknown }[]): readonly unknown[] => values.map(({ payload }) => payload);

const numbers = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

// On a busy machine these take their time.
jest.setTimeout(30_000);

describe('over a real socket', () => {
  it.each([
    { delivery: 'exactly-once', from: 'client', codec: msgpack(), by: 'sessions' },
    { delivery: 'exactly-once', from: 'server', codec: json(), by: 'sessions' },
    { delivery: 'exactly-once', from: 'client and server', codec: json(), by: 'sessions' },
    { delivery: 'at-least-once', from: 'client', codec: json(), by: 'sessions' },
    { delivery: 'at-least-once', from: 'server', codec: msgpack(), by: 'sessions' },
    { delivery: 'at-least-once', from: 'client', codec: json(), protocol: envelopeProtocol, by: 'envelopes' },
    { delivery: 'at-least-once', from: 'client and server', codec: msgpack(), protocol: envelopeProtocol, by: 'envelopes' },
  ] as const)(
    'loses and doubles none of 10,000 messages while the connection is cut 20 times ($delivery from $from, $codec.name, $by)',
    async ({ from, delivery, codec, ...rest }) => {
      const { proxy, near, far, close } = await pair({ delivery, codec, ...('protocol' in rest && { protocol: rest.protocol }) });
      const routes = [
        ...(from.includes('client') ? [[near, far] as const] : []),
        ...(from.includes('server') ? [[far, near] as const] : []),
      ];
      let cuts = 0;
      for (const number of numbers(COUNT)) {
        for (const [sender] of routes) count(sender.wire, number);
        if (number % (COUNT / CUTS) > 0) continue;
        await Promise.all([status(near.wire, 'connected'), status(far.wire, 'connected')]);
        // Some have arrived, some are on their way.
        await Promise.all(routes.map(([sender]) => nextAck(sender.wire)));
        cuts += proxy.cut();
        await status(near.wire, 'reconnecting');
      }
      for (const [, receiver] of routes) await receiver.got.take(COUNT);
      await close();

      expect(cuts).toBe(CUTS);
      for (const [, receiver] of routes) expect(payloads(receiver.got.values)).toEqual(numbers(COUNT));
      const codes = [...near.errors.values, ...far.errors.values].map(({ code }) => code);
      expect(new Set(codes)).toEqual(new Set(['ERR_CONNECTION_LOST']));
    },
  );

  describe.each(protocols)('by the %s protocol', (_protocol, protocol) => {
    it('carries more in one go than may wait in a socket', async () => {
      const { near, far, close } = await pair({ protocol });
      const text = 'x'.repeat(100_000);
      for (let sent = 0; sent < 300; sent++) near.wire.next(createMessage('test.large', text));
      await far.got.take(300);
      await close();
      expect(near.errors.values).toEqual([]);
      expect(far.got.values).toHaveLength(300);
    });

    it('delivers messages that a half-open connection has lost before its reset', async () => {
      const { proxy, near, far, close } = await pair({ protocol });
      for (let time = 0; time < 3; time++) {
        proxy.freeze();
        for (const { wire } of [near, far]) {
          count(wire, time * 2);
          count(wire, time * 2 + 1);
        }
        await Promise.all([status(near.wire, 'connected'), status(far.wire, 'connected')]);
        expect(near.got.values.length + far.got.values.length).toBe(time * 4);
        proxy.cut();
        await Promise.all([near.got.take(time * 2 + 2), far.got.take(time * 2 + 2)]);
      }
      expect(payloads(near.got.values)).toEqual(numbers(6));
      expect(payloads(far.got.values)).toEqual(numbers(6));
      await close();
    });

    it('sends messages again over a new connection that were not acked when the old one was superseded', async () => {
      const { proxy, near, far, close } = await pair({ protocol });
      count(far.wire, 0);
      await near.got.take(1);
      proxy.freeze();
      count(far.wire, 1);
      // The client sees the loss, the server does not: to it the old connection is alive.
      proxy.cutNear();
      await near.got.take(2);
      expect(payloads(near.got.values)).toEqual([0, 1]);
      expect(far.errors.values).toEqual([]);
      await close();
    });
  });
});
