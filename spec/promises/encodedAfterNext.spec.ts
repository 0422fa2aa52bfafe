import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbOutbox } from '../../lib/adapters/node/index.js';
import { record, type Recording } from '../support/record.js';
import { pair, type ClientOptions } from '../support/sessionPair.js';

describe('A payload that is changed after next', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each<[string, ClientOptions, boolean, string]>([
    ['connected, changed in the same run: sent as it is at the end of the microtask', {}, false, 'changed'],
    ['connected, changed later: sent as it was', {}, true, 'first'],
    [
      'with a durable outbox, changed after the receipt stored: sent as it was',
      { outbox: lmdbOutbox({ path: folder, name: 'rows' }) },
      true,
      'first',
    ],
  ])('%s', async (_, client, isLater, expected) => {
    let arrived: Recording<Message> | undefined;
    const { wire, serverWire, close } = pair({ client, onServerWire: (served) => void (arrived = record(served)) });
    await serverWire();
    const payload = { text: 'first' };
    const message = createMessage<string, unknown>('test.row', payload);
    if (isLater) await wire.send(message, { until: 'stored' });
    else wire.next(message);
    payload.text = 'changed';
    expect((await arrived?.take(1))?.[0]?.payload).toEqual({ text: expected });
    close();
  });

  it('offline, without a durable outbox: encoded when the connection is back', async () => {
    let arrived: Recording<Message> | undefined;
    const { wire, serverWire, down, up, close } = pair({ onServerWire: (served) => void (arrived = record(served)) });
    await serverWire();
    down();
    const payload = { text: 'first' };
    wire.next(createMessage<string, unknown>('test.row', payload));
    await new Promise((resolve) => setImmediate(resolve));
    payload.text = 'changed';
    up();
    expect((await arrived?.take(1))?.[0]?.payload).toEqual({ text: 'changed' });
    close();
  });
});
