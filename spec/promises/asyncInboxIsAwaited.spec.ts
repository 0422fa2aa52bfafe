/* eslint-disable @typescript-eslint/require-await -- async functions are what these tests are about */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, from, isObservable, Subject } from 'rxjs';
import { UnsupportedError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbStore } from '../../lib/adapters/node/index.js';
import { consume, type ConsumeOptions } from '../../lib/operators/consume/consume.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';

const order = (id: string): Message => createMessage('test.order', id, { id });

/** The inbox as JavaScript users write it: each function is `async`. `commit` waits for `gate` before it writes. */
function asyncInbox(gate: Promise<unknown> = Promise.resolve()): Inbox<(value: unknown) => void> & ReturnType<typeof fakeInbox> {
  const inner = fakeInbox();
  const resolved = async (work: () => unknown): Promise<unknown> => {
    const answer: unknown = work();
    return isObservable(answer) ? firstValueFrom(answer) : answer;
  };
  return Object.assign(Object.create(inner) as typeof inner, {
    claim: (...args: Parameters<typeof inner.claim>) => resolved(() => inner.claim(...args)),
    commit: async (...args: Parameters<typeof inner.commit>) => {
      await gate;
      await resolved(() => inner.commit(...args));
    },
    remember: (...args: Parameters<typeof inner.remember>) => resolved(() => inner.remember(...args)),
  });
}

describe('An inbox of async functions', () => {
  it('is awaited: a message is acked when its commit has resolved, and not before; a restarted server finds the session', async () => {
    const gate = new Subject<void>();
    const inbox = asyncInbox(firstValueFrom(gate));
    const { wire, serverWire, restart, close } = pair({
      server: { inbox },
      onServerWire: (served) =>
        served.pipe(consume(() => undefined, { effect: (write, { id }) => (write as (value: unknown) => void)(id) })).subscribe(),
    });
    const receipts = record(wire.receipts$);
    const acked = wire.send(order('a'));
    await serverWire();
    await receipts.take(2);
    // Ten runs of the event loop: an ack that does not wait would arrive.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([receipts.values.map(({ status }) => status), inbox.written]).toEqual([['queued', 'sent'], []]);
    gate.next();
    expect(await acked).toMatchObject({ status: 'acked' });
    expect(inbox.written).toEqual(['a']);
    restart();
    expect(await wire.send(order('b'))).toMatchObject({ status: 'acked' });
    expect(inbox.written).toEqual(['a', 'b']);
    close();
  });

  it('ends the session of the server, without an ack and without an unhandled rejection, when its commit rejects', async () => {
    const inbox = asyncInbox(Promise.reject(new Error('the disk is full')));
    const { wire, serverWire, close } = pair({
      server: { inbox },
      onServerWire: (served) => served.pipe(consume(() => undefined)).subscribe(),
    });
    const receipts = record(wire.receipts$);
    wire.next(order('a'));
    const errors = record((await serverWire()).errors$);
    expect((await errors.take(1))[0]).toMatchObject({ code: 'ERR_STORE', cause: { message: 'the disk is full' } });
    expect(receipts.values.map(({ status }) => status)).not.toContain('acked');
    close();
  });
});

describe('An effect that returns a promise', () => {
  const folders: string[] = [];
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

  it.each([
    ['an inbox in memory', () => ({ inbox: fakeInbox(), close: () => undefined })],
    ['an inbox of async functions', () => ({ inbox: asyncInbox(), close: () => undefined })],
    [
      'LMDB',
      () => {
        const path = mkdtempSync(join(tmpdir(), 'rxwire-'));
        folders.push(path);
        const store = lmdbStore({ path });
        return {
          inbox: store.inbox,
          close: () => {
            store.close();
          },
        };
      },
    ],
  ])('is refused with an error that says so, is neither retried nor acked, and its rejection is handled: %s', async (_, open) => {
    const { inbox, close: closeStore } = open() as { readonly inbox: Inbox; readonly close: () => void };
    let calls = 0;
    const effect = (async () => {
      calls++;
      throw new Error('a late rejection, which would end the process');
    }) as unknown as ConsumeOptions<Message, unknown, never>['effect'];
    const ended = new Subject<unknown>();
    const { wire, close } = pair({
      server: { inbox },
      onServerWire: (served) =>
        served
          .pipe(consume(() => from(['done']), { effect: effect!, retry: { initialInterval: 1 } }))
          .subscribe({ error: (error) => ended.next(error) }),
    });
    const end = firstValueFrom(ended);
    const receipts = record(wire.receipts$);
    wire.next(order('a'));
    const error = await end;
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(String(error)).toContain('consume: "effect" must be synchronous, and has returned a promise');
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([calls, receipts.values.map(({ status }) => status)]).toEqual([1, ['queued', 'sent']]);
    close();
    closeStore();
  });
});
