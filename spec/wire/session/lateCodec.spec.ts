import { asapScheduler, concatMap, defer, observeOn, of, Subject, take, type Observable } from 'rxjs';
import { asynchronous } from '../../../lib/codec/asynchronous.js';
import type { Codec } from '../../../lib/codec/codec.js';
import type { RxwireError } from '../../../lib/message/errors.js';
import type { MaybeAsync } from '../../../lib/message/maybeAsync.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import type { OutboxStore } from '../../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { boundCodec } from '../../support/boundCodec.js';
import { record } from '../../support/record.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';
import { fakeStorage } from '../../stores/fakeStorage.js';

const message = (id: string, payload: unknown = null, options: MessageOptions = {}): Message =>
  createMessage('test.any', payload, { timestamp: 0, ...options, id });
const ids = (messages: readonly Message[]): readonly string[] => messages.map(({ id }) => id);
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `m${index}`);

/** Answers when `ready` says so. */
function late(codec: Codec, ready: () => Observable<unknown>): Codec {
  const later = <T>(work: () => MaybeAsync<T>): Observable<T> =>
    defer(ready).pipe(
      take(1),
      concatMap(() => of(work() as T)),
    );
  return {
    ...codec,
    asynchronous,
    encode: (...given) => later(() => codec.encode(...given)),
    decode: (...given) => later(() => codec.decode(...given)),
  };
}
const soon = (codec: Codec): Codec => late(codec, () => of(0).pipe(observeOn(asapScheduler)));

describe('a codec that takes its time', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  /** A client and a server, both with such a codec unless said otherwise, and all that the server gets. */
  function connected({ client = {}, server = {} }: PairOptions = {}) {
    const got$ = new Subject<Message>();
    const codec = soon(boundCodec());
    const both = pair({
      client: { codec, ...client },
      server: { codecs: [codec], ...server },
      onServerWire: (wire) => void wire.subscribe((one) => got$.next(one)),
    });
    const got = record(got$);
    const errors: RxwireError[] = [];
    both.wire.errors$.subscribe((error) => errors.push(error));
    cleanups.push(both.close);
    return { ...both, got, errors };
  }

  it.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)('keeps the order of messages sent %s', async (delivery) => {
    const { wire, got, errors } = connected({ client: { delivery } });
    for (const id of names(600)) wire.next(message(id));
    expect(ids(await got.take(600))).toEqual(names(600));
    expect(errors).toEqual([]);
  });

  it('encodes one batch at a time', async () => {
    let busy = 0;
    let most = 0;
    const counting = late(boundCodec(), () =>
      defer(() => {
        most = Math.max(most, ++busy);
        return of(0).pipe(observeOn(asapScheduler));
      }),
    );
    const { wire, got } = connected({
      client: { codec: { ...counting, encode: (...given) => withEnd(counting.encode(...given), () => busy--) } },
    });
    for (const id of names(700)) wire.next(message(id));
    await got.take(700);
    expect(most).toBe(1);
  });

  it('encodes each half of a batch that cannot be sent', async () => {
    const { wire, got } = connected();
    const sent = names(9).map((id, index) => message(id, index === 4 ? () => 0 : index));
    for (const one of sent) wire.next(one);
    expect(ids(await got.take(8))).toEqual(names(9).filter((id) => id !== 'm4'));
  });

  it('loses, doubles and reorders nothing when the connection is cut while it is busy', async () => {
    const { wire, got, cut } = connected({ client: { delivery: 'exactly-once' } });
    const wanted = names(300);
    for (const [index, id] of wanted.entries()) {
      wire.next(message(id));
      if (index % 60 === 59) {
        await got.take(index - 50);
        cut();
      }
    }
    expect(ids(await got.take(300))).toEqual(wanted);
  });

  it('reads the batches of a durable outbox, and encodes them again for a server that has forgotten the session', async () => {
    const storage = fakeStorage();
    const outbox = (): OutboxStore => webStorageOutbox('out', { storage, locks: false });
    const first = connected({ client: { outbox: outbox(), delivery: 'at-least-once' } });
    // The server would receive a message that is not acked once more.
    await first.wire.send(message('a'));
    first.down();
    for (const id of ['b', 'c']) first.wire.next(message(id));
    while (![...storage.items.values()].join().includes('"c\\"')) await new Promise(setImmediate);
    first.close();
    const second = connected({ client: { outbox: outbox(), delivery: 'at-least-once' } });
    second.wire.next(message('d'));
    const [...all] = ids(await second.got.take(3));
    expect(all.slice(-3)).toEqual(['b', 'c', 'd']);
  });
});

function withEnd<T>(later: MaybeAsync<T>, end: () => void): Observable<T> {
  return (later as Observable<T>).pipe(
    concatMap((value) => {
      end();
      return of(value);
    }),
  );
}
