import { filter, firstValueFrom, NEVER, of, throwError, timer, mergeMap, type Observable } from 'rxjs';
import { StoreError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Receipt } from '../../lib/message/receipt.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import type { Wire } from '../../lib/wire/wire.js';
import type { OutboxStore } from '../../lib/stores/outboxStore.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { record, type Recording } from '../support/record.js';
import { scriptedOutbox } from '../support/scriptedOutbox.js';
import { pair } from '../support/sessionPair.js';

const named = (id: string, ttl?: number): Message => createMessage('test.row', id, { id, ...(ttl !== undefined && { ttl }) });
const statusesOf = ({ values }: Recording<Receipt>, id: string): readonly string[] =>
  values.filter((receipt) => receipt.id === id).map(({ status }) => status);
const receiptOf = (wire: Wire, id: string, status: string): Promise<Receipt> =>
  firstValueFrom(wire.receipts$.pipe(filter((receipt) => receipt.id === id && receipt.status === status)));

/** A persistent outbox that stores `room` batches. The writes of others fail after a while. */
function failingOutbox(error: unknown, room: number): OutboxStore {
  let left = room;
  const later = <T>(result: () => Observable<T>): Observable<T> => timer(5).pipe(mergeMap(result));
  return scriptedOutbox({
    append: (batches) => later(() => ((left -= batches.length) < 0 ? throwError(() => error) : of(undefined))),
  });
}

describe('The last receipt of a message is the last', () => {
  it('reports no "sent" for an acked message whose batch goes out again, because the server has restarted before it was done with the rest', async () => {
    let isSlow = true;
    const { wire, serverWire, restart, close } = pair({
      server: { inbox: fakeInbox() },
      onServerWire: (served) => served.pipe(consume(({ id }) => (id === 'b' && isSlow ? NEVER : of(id)), { concurrency: 2 })).subscribe(),
    });
    const receipts = record(wire.receipts$);
    const acked = receiptOf(wire, 'a', 'acked');
    const other = receiptOf(wire, 'b', 'acked');
    wire.next(named('a'));
    wire.next(named('b'));
    await acked;
    isSlow = false;
    restart();
    await serverWire(1);
    await other;
    expect(statusesOf(receipts, 'a')).toEqual(['queued', 'sent', 'acked']);
    expect(statusesOf(receipts, 'b')).toEqual(['queued', 'sent', 'sent', 'acked']);
    close();
  });

  it('takes a message for the one that is pending, also when the wire is completed: no "dead" before its "acked"', async () => {
    const { wire, close } = pair({ onServerWire: (served) => served.subscribe() });
    const receipts = record(wire.receipts$);
    const message = named('a');
    wire.next(message);
    wire.complete();
    wire.next(message);
    await receipts.ended;
    expect(statusesOf(receipts, 'a')).toEqual(['queued', 'sent', 'acked']);
    close();
  });

  it('continues after a subscriber that ends the wire with the first "sent" of a batch', async () => {
    const { wire, serverWire, close } = pair({ onServerWire: (served) => served.subscribe() });
    await serverWire();
    const receipts = record(wire.receipts$);
    wire.receipts$.pipe(filter(({ status }) => status === 'sent')).subscribe(() => wire.unsubscribe());
    wire.next(named('a'));
    wire.next(named('b'));
    expect(await receipts.ended).toBe('complete');
    expect(['a', 'b'].map((id) => statusesOf(receipts, id).at(-1))).toEqual(['dead', 'dead']);
    close();
  });

  it.each([
    ['has another owner', new StoreError('test', 'fenced')],
    ['fails', new Error('EIO')],
  ])('is "dead" for a message that was being stored when the outbox %s, as the outbox has none of it', async (_, error) => {
    const { wire, close } = pair({ client: { outbox: failingOutbox(error, 1) } });
    const receipts = record(wire.receipts$);
    const stored = receiptOf(wire, 'a', 'stored');
    wire.next(named('a'));
    await stored;
    wire.next(named('b'));
    await receipts.ended;
    expect(statusesOf(receipts, 'b')).toEqual(['queued', 'dead']);
    expect(statusesOf(receipts, 'a')).not.toContain('dead');
    close();
  });

  it('is "dead" for none of the halves that are stored when the outbox fails with the other half', async () => {
    const quota = new StoreError('test', 'quota');
    let calls = 0;
    const outbox = scriptedOutbox({
      append() {
        calls++;
        return calls === 1 ? throwError(() => quota) : calls === 2 ? of(undefined) : throwError(() => new Error('EIO'));
      },
    });
    const { wire, close } = pair({ client: { outbox } });
    const receipts = record(wire.receipts$);
    wire.next(named('a'));
    wire.next(named('b'));
    await receipts.ended;
    expect(calls).toBe(3);
    expect(statusesOf(receipts, 'a')).toEqual(['queued', 'stored']);
    expect(statusesOf(receipts, 'b')).toEqual(['queued', 'dead']);
    close();
  });
});
