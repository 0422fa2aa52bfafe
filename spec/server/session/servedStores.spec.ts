import { firstValueFrom, map, Subject, take } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import { lmdbStore } from '../../../lib/adapters/node/index.js';
import { claim } from '../../../lib/wire/session/messageClaim.js';
import type { Inbox, InboxRecord } from '../../../lib/stores/inbox.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { folder } from '../../stores/lmdb/folder.js';
import { startVirtual, turns } from '../virtual.js';
import { eventually } from '../../support/eventually.js';
import type { OpenedOutbox } from '../../../lib/stores/outboxStore.js';
import { scriptedOutbox } from '../../support/scriptedOutbox.js';
import { fakeInbox, type Write } from '../../support/fakeInbox.js';
import { batch, fieldsOf, helloFrame, secret } from '../../support/sessionFrames.js';
import { network } from '../../support/sessionPair.js';

/** Reads a row. */
async function rowIn(inbox: Inbox<Write>, pid: string): Promise<InboxRecord | undefined> {
  return ((await inbox.claim(pid, () => undefined)) as { readonly record: InboxRecord | undefined }).record;
}

describe('a session of a server with stores', () => {
  it('stores nothing before its client confirms the welcome, then a record without tokens, and then grants the window', async () => {
    const inbox = fakeInbox();
    const { dial, stop } = startVirtual({ inbox });
    const pid = secret();
    const end = dial(helloFrame({ pid }));
    const { window, rt, known } = fieldsOf((await end.frames.take(1))[0]);
    expect([window, known, await rowIn(inbox, pid)]).toEqual([0, false, undefined]);
    end.send('["ack",0,1024]');
    expect((await end.frames.take(2))[1]).toBe('["ack",0,1024]');
    const row = await rowIn(inbox, pid);
    expect(row?.session).toMatchObject({ epoch: 1, n: 1, isConfirmed: true, codec: 'json' });
    expect(JSON.stringify(row)).not.toContain(rt);
    stop();
  });

  it('is not ended by an earlier hello, whose row is unknown, before it has begun', async () => {
    const { dial, stop } = startVirtual({ inbox: fakeInbox() });
    const pid = secret();
    const end = dial(helloFrame({ pid, n: 2 }));
    await end.frames.take(1);
    expect(await dial(helloFrame({ pid, n: 1 })).code).toBe(4409);
    end.send('["ack",0,1024]');
    expect((await end.frames.take(2))[1]).toBe('["ack",0,1024]');
    stop();
  });

  it('refuses a wrong token with 1013 while its record is not stored, and with 4403 when it is', async () => {
    const inbox = fakeInbox();
    const isStored$ = new Subject<undefined>();
    const { dial, stop } = startVirtual({
      inbox: {
        ...inbox,
        remember: (lease, session) =>
          isStored$.pipe(
            take(1),
            map(() => void inbox.remember(lease, session)),
          ),
      },
    });
    const pid = secret();
    const end = dial(helloFrame({ pid }));
    const { sid, rt } = fieldsOf((await end.frames.take(1))[0]);
    const returns = dial(helloFrame({ pid, n: 2, sid, rt, rx: 0 }));
    const welcome = fieldsOf((await returns.frames.take(1))[0]);
    expect([welcome['known'], welcome['resumed'], welcome['window']]).toEqual([true, true, 0]);
    expect(await dial(helloFrame({ pid, n: 3, sid, rt: secret(), rx: 0 })).code).toBe(1013);
    returns.send('["ack",0,1024]');
    await turns();
    isStored$.next(undefined);
    await returns.frames.take(2);
    expect(await dial(helloFrame({ pid, n: 3, sid, rt: secret(), rx: 0 })).code).toBe(4403);
    stop();
  });

  it('answers 1013 while the server reads the row of its client', async () => {
    const inbox = fakeInbox();
    const isRead$ = new Subject<undefined>();
    const { dial, stop } = startVirtual({
      inbox: { ...inbox, claim: (...claimed) => firstValueFrom(isRead$).then(() => inbox.claim(...claimed)) as never },
    });
    const pid = secret();
    const end = dial(helloFrame({ pid }));
    expect(await dial(helloFrame({ pid, n: 2 })).code).toBe(1013);
    isRead$.next(undefined);
    expect(fieldsOf((await end.frames.take(1))[0])).toMatchObject({ n: 1 });
    stop();
  });

  it('closes with 1011 when the record of a client that returns cannot be stored, at once: a normal end would be that of the wire', async () => {
    const inbox = fakeInbox();
    const first = startVirtual({ inbox });
    const pid = secret();
    const end = first.dial(helloFrame({ pid }));
    const { sid, rt } = fieldsOf((await end.frames.take(1))[0]);
    end.send('["ack",0,1024]');
    await end.frames.take(2);
    first.stop();
    const remember = (): never => {
      throw new Error('the disk is full');
    };
    const { dial, stop } = startVirtual({ inbox: { ...inbox, remember } });
    expect(await dial(helloFrame({ pid, n: 2, sid, rt, rx: 0 })).code).toBe(1011);
    stop();
  });

  it('does not read what waits of a connection that has ended, when its client has returned while the outbox opens', async () => {
    const isOpen$ = new Subject<undefined>();
    const outbox = scriptedOutbox({});
    const late = {
      ...outbox,
      open: () =>
        isOpen$.pipe(
          map(() => outbox.open() as OpenedOutbox),
          take(1),
        ),
    };
    const { dial, errors, stop } = startVirtual({ outbox: () => late });
    const pid = secret();
    const first = dial(helloFrame({ pid }));
    const { sid, rt } = fieldsOf((await first.frames.take(1))[0]);
    first.send('["ack",0,1024]');
    first.close(1006);
    const second = dial(helloFrame({ pid, n: 2, sid, rt, rx: 0 }));
    await turns();
    isOpen$.next(undefined);
    expect(fieldsOf((await second.frames.take(1))[0])).toMatchObject({ n: 2, known: true });
    expect(errors).toEqual([]);
    stop();
  });

  it('commits what a rate limit delays: only the acks wait, and the cursor does not move back', async () => {
    const inbox = fakeInbox();
    const { enter, pass, stop } = startVirtual({ inbox, rateLimit: { perSecond: 1, burst: 6 } });
    const { send, frames } = await enter();
    for (const number of [1, 2, 3, 4, 5, 6]) {
      send(batch(number, `m${number}`));
      await pass(0);
    }
    await eventually(() => expect(inbox.commits.map(({ cursor }) => cursor.done)).toEqual([1, 2, 3, 4, 5, 6]));
    expect(frames.values.at(-1)).not.toContain('["ack",6');
    await pass(10_000);
    expect(frames.values.join()).toContain('["ack",6,');
    stop();
  });

  it('continues with LMDB after a restart: messages are delivered, and an effect is stored once', async () => {
    const path = folder();
    const net = network();
    const effects: string[] = [];
    const life = () => {
      const wires: Wire[] = [];
      const store = lmdbStore({ path });
      const onWire = (wire: Wire): void => {
        wires.push(wire);
        wire.subscribe((message) => claim(message)?.end({ effect: () => void effects.push(message.id) }));
      };
      const server = net.serve({ inbox: store.inbox, outbox: store.outbox }, onWire);
      const end = (): void => {
        server.unsubscribe();
        store.close();
      };
      return { wires, end };
    };
    const first = life();
    const client = net.connect();
    const got: string[] = [];
    client.subscribe(({ id }) => got.push(id));
    await client.send(createMessage('test.job', null, { id: 'c1', delivery: 'exactly-once' }));
    net.down();
    first.wires[0]!.next(createMessage('test.said', null, { id: 's1' }));
    await first.wires[0]!.send(createMessage('test.said', null, { id: 's2' }), { until: 'stored' });
    first.end();
    const second = life();
    net.up();
    await client.send(createMessage('test.job', null, { id: 'c2', delivery: 'exactly-once' }));
    await eventually(() => expect(got).toEqual(['s1', 's2']));
    expect([effects, second.wires.length]).toEqual([['c1', 'c2'], 1]);
    client.unsubscribe();
    second.end();
  });
});
