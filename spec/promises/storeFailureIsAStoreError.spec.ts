import { firstValueFrom, map, NEVER, of, ReplaySubject, Subject, switchMap, take, throwError, timer, type Observable } from 'rxjs';
import { StoreError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import type { OpenedOutbox, OutboxStore, StoredBatch } from '../../lib/stores/outboxStore.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { fakeInbox } from '../support/fakeInbox.js';
import type { OutboxChange } from '../support/outboxChange.js';
import { record } from '../support/record.js';
import { scriptedOutbox } from '../support/scriptedOutbox.js';
import { pair } from '../support/sessionPair.js';

const cause = Object.assign(new Error('i/o error'), { code: 'EIO' });
const asStoreError = (store: string) => ({ code: 'ERR_STORE', store, fault: 'failed', cause });

const ways: Readonly<Record<string, () => Observable<never>>> = {
  delivers: () => throwError(() => cause),
  throws: () => {
    throw cause;
  },
};
const each = <T extends string>(methods: readonly T[]): readonly (readonly [way: string, method: T])[] =>
  Object.keys(ways).flatMap((way) => methods.map((method) => [way, method] as const));

/** A persistent outbox, of which one kind of call fails, in one of the ways. */
function outboxThat(way: string, kind: OutboxChange | 'open', contents: Partial<OpenedOutbox> = {}): OutboxStore {
  const store = scriptedOutbox({ [kind]: ways[way] }, contents);
  return kind === 'open' ? { ...store, open: ways[way] as () => never } : store;
}

const storedBatch = (number: number, id: string): StoredBatch => ({
  ...{ first: number, count: 1, body: JSON.stringify(createMessage('test.any', null, { id })), level: 'at-least-once' },
});

const closings: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closings.splice(0)) close();
});

describe('a store of a client that fails with any error', () => {
  it.each(each(['open', 'append', 'replace'] as const))(
    'ends the wire with a StoreError with its cause: its outbox %s it at %s',
    async (way, method) => {
      // The server does not know the client: the message of an earlier owner gets another number.
      const earlier = { epoch: 2, last: 1, mark: 1, codec: 'json', batches: [storedBatch(1, 'earlier')] };
      const { wire, close } = pair({ client: { outbox: outboxThat(way, method, method === 'replace' ? earlier : {}) } });
      closings.push(close);
      const received = record(wire);
      if (method !== 'replace') wire.next(createMessage('test.row', null));
      expect(await received.ended).toMatchObject(asStoreError('outbox'));
    },
  );

  it.each(each(['claim', 'commit']))('ends the wire with a StoreError with its cause: its inbox %s it at %s', async (way, method) => {
    const inbox: Inbox = { ...fakeInbox(), [method]: ways[way] };
    const { wire, close } = pair({ client: { inbox } });
    closings.push(close);
    expect(await record(wire).ended).toMatchObject(asStoreError('inbox'));
  });

  it.each(Object.keys(ways))('ends the wire when its outbox %s it at the write of an ack: nobody knows what is stored', async (way) => {
    const { wire, close } = pair({ client: { outbox: outboxThat(way, 'trim') }, onServerWire: (served) => served.subscribe() });
    closings.push(close);
    const received = record(wire);
    wire.next(createMessage('test.row', null));
    expect(await received.ended).toMatchObject(asStoreError('outbox'));
  });
});

describe('an inbox that fails while the outbox stores a message', () => {
  const answers: Readonly<Record<string, readonly [answer: () => Observable<void>, status: string]>> = {
    stored: [() => of(undefined), 'stored'],
    lost: [() => throwError(() => cause), 'dead'],
  };

  it.each(Object.keys(answers))('ends the wire when it is known what has become of the message: it is %s', async (fate) => {
    const [answer, status] = answers[fate]!;
    const stored$ = new Subject<void>();
    const isStoring$ = new ReplaySubject<void>();
    const outbox = scriptedOutbox({
      append: () => {
        isStoring$.next();
        return stored$.pipe(take(1), switchMap(answer));
      },
    });
    const commit = (): Observable<void> =>
      isStoring$.pipe(
        take(1),
        switchMap(() => timer(1)),
        switchMap(() => throwError(() => cause)),
      );
    const { wire, close } = pair({ client: { outbox, inbox: { ...fakeInbox(), commit } } });
    closings.push(close);
    const received = record(wire);
    const receipts = record(wire.receipts$);
    const message = createMessage('test.row', null);
    wire.next(message);
    await firstValueFrom(isStoring$);
    await firstValueFrom(timer(30));
    expect(received.isOver()).toBe(false);
    stored$.next();
    expect(await received.ended).toMatchObject({ code: 'ERR_STORE' });
    expect(receipts.values.filter(({ id }) => id === message.id).at(-1)).toMatchObject({ status });
  });
});

describe('an outbox that has not begun to store a message when its wire ends', () => {
  it('gives the message up: its next owner will not find it, but may find the message that is being stored', async () => {
    const outbox = scriptedOutbox({ append: () => NEVER });
    const wire = connect({ link: () => NEVER, outbox, drainTimeout: 10 });
    const [received, receipts] = [record(wire), record(wire.receipts$)];
    wire.next(createMessage('test.row', null));
    await firstValueFrom(timer(5));
    const message = createMessage('test.row', null);
    wire.next(message);
    wire.complete();
    expect(await received.ended).toMatchObject({ code: 'ERR_DRAIN_TIMEOUT', count: 2, kept: 1 });
    expect(receipts.values.at(-1)).toMatchObject({ id: message.id, status: 'dead' });
  });
});

describe('an outbox that does not open', () => {
  const opening = (open$: Observable<unknown>) => {
    const outbox = scriptedOutbox({}, { epoch: 2, acked: 5, last: 6, mark: 6, codec: 'json', batches: [storedBatch(6, 'kept')] });
    return { ...outbox, open: () => open$.pipe(map(() => outbox.open() as OpenedOutbox)) };
  };

  it.each<[string, readonly Message[], object]>([
    ['even if the wire has nothing to send', [], { code: 'ERR_STORE', store: 'outbox', fault: 'unopened' }],
    ['which counts the messages of the wire', [createMessage('test.row', null)], { code: 'ERR_DRAIN_TIMEOUT', count: 1, kept: 0 }],
  ])('ends a completed wire after drainTimeout with an error, %s', async (_, messages, error) => {
    const { wire, close } = pair({ client: { outbox: opening(NEVER), drainTimeout: 10 } });
    closings.push(close);
    const { ended } = record(wire);
    for (const message of messages) wire.next(message);
    wire.complete();
    expect(await ended).toMatchObject(error);
  });

  it('delays the end of a completed wire until its messages are delivered, if it opens in time', async () => {
    const arrived: Message[] = [];
    const onServerWire = (served: Wire): void => void served.subscribe((message) => void arrived.push(message));
    const { wire, close } = pair({ client: { outbox: opening(timer(10)) }, onServerWire });
    closings.push(close);
    const { ended } = record(wire);
    wire.complete();
    expect(await ended).toBe('complete');
    expect(arrived).toMatchObject([{ id: 'kept' }]);
  });
});

describe('an outbox that has no room to number its messages anew', () => {
  it('ends the wire, and leaves the messages that it keeps to its next owner: none of them is dead', async () => {
    const full = new StoreError('outbox', 'quota');
    // A server that has forgotten the client: the numbers begin anew.
    const outbox = scriptedOutbox(
      { trim: ways['throws']!, replace: () => throwError(() => full) },
      { epoch: 2, acked: 5, last: 6, mark: 6, codec: 'json', batches: [storedBatch(6, 'kept')] },
    );
    const { wire, close } = pair({ client: { outbox } });
    closings.push(close);
    const receipts = record(wire.receipts$);
    expect(await record(wire).ended).toMatchObject({ code: 'ERR_STORE', fault: 'quota' });
    expect(receipts.values.filter(({ status }) => status === 'dead')).toEqual([]);
  });
});

describe('an outbox of a server that fails with any error', () => {
  it.each(each(['open', 'append'] as const))(
    'ends the wire, which reports a StoreError with its cause: it %s it at %s',
    async (way, method) => {
      const outbox = (): OutboxStore => outboxThat(way, method);
      const errors$ = new ReplaySubject<unknown>();
      const onServerWire = (served: Wire): void => {
        served.errors$.subscribe(errors$);
        served.next(createMessage('test.row', null));
      };
      const { close } = pair({ server: { outbox }, onServerWire });
      closings.push(close);
      const error = firstValueFrom(errors$);
      expect(await error).toMatchObject(asStoreError('outbox'));
    },
  );
});
