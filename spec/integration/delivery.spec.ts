import { filter, firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import { msgpack } from '../../lib/codec/msgpack.js';
import { json } from '../../lib/codec/json.js';
import { webSocket } from '../../lib/link/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { ConnectionStatus } from '../../lib/wire/connectionState.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

const COUNT = 10_000;
const CUTS = 20;
const reconnect = { initialInterval: 5, maxInterval: 20 };

const status = (wire: Wire, wanted: ConnectionStatus) => firstValueFrom(wire.state$.pipe(filter((state) => state.status === wanted)));

describe('at-least-once over a real socket', () => {
  it.each([msgpack(), json()])('loses and doubles none of 10,000 messages while the connection is cut 20 times ($name)', async (codec) => {
    const received: unknown[] = [];
    const server = await wireServer((wire) => wire.subscribe(({ payload }) => received.push(payload)));
    const proxy = await tcpProxy(server.port);
    const wire = connect({ link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`), codec, reconnect });
    const acked = lastValueFrom(
      wire.receipts$.pipe(
        filter(({ status }) => status === 'acked'),
        take(COUNT),
        toArray(),
      ),
    );

    let cuts = 0;
    for (let sent = 0; sent < COUNT; sent++) {
      wire.next(createMessage('test.count', sent));
      if (sent % (COUNT / CUTS) === 0) {
        await status(wire, 'connected');
        // Some have arrived, some are on their way.
        await firstValueFrom(wire.receipts$.pipe(filter((receipt) => receipt.status === 'acked')));
        cuts += proxy.cut();
        await status(wire, 'reconnecting');
      }
    }
    await acked;

    expect(cuts).toBe(CUTS);
    expect(received).toEqual(Array.from({ length: COUNT }, (_, index) => index));
    wire.complete();
    await lastValueFrom(wire.state$);
    await proxy.close();
    await server.close();
  });
});
