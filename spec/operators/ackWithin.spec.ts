import { jest } from '@jest/globals';
import { concat, firstValueFrom, from, lastValueFrom, map, NEVER, of, Subject, toArray, VirtualTimeScheduler, type Observable } from 'rxjs';
import { AckTimeoutError, MessageDroppedError, OverflowError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Receipt } from '../../lib/message/receipt.js';
import { ackWithin, type AckWithinOptions } from '../../lib/operators/ackWithin.js';
import { linearDelay } from '../../lib/operators/retryBackoff.js';
import { operatorContract } from '../support/operatorContract.js';

interface Item {
  readonly id: string;
}

const item = (id: string): Item => ({ id });
const mute = (): void => undefined;

/** A peer that acks whatever it gets, at once. */
function echo() {
  const acks$ = new Subject<string>();
  return { acks$, send: ({ id }: Item): void => acks$.next(id) };
}

/** Runs in virtual time, with acks at given times. */
function run(
  source: Observable<Item>,
  timeout: number,
  options: AckWithinOptions<Item> = {},
  acks: Readonly<Record<number, unknown>> = {},
) {
  const scheduler = new VirtualTimeScheduler();
  const acks$ = new Subject<unknown>();
  for (const [time, ack] of Object.entries(acks)) scheduler.schedule(() => acks$.next(ack), Number(time));
  const sent: string[] = [];
  const out: unknown[] = [];
  const send = ({ id }: Item): void => void sent.push(`${id} at ${scheduler.now()}`);
  source.pipe(ackWithin(acks$, timeout, { send, scheduler, ...options })).subscribe({
    next: (receipt) => out.push(receipt),
    error: (error: unknown) => out.push(error),
    complete: () => out.push('complete'),
  });
  scheduler.flush();
  return { sent, out };
}

describe('ackWithin', () => {
  operatorContract<Item>(
    () => (source) => {
      const { acks$, send } = echo();
      return source.pipe(ackWithin(acks$, 1_000, { send }), map(idOf));
    },
    {
      value: (index) => item(String(index)),
      throwing: {
        send: (fail) => ackWithin<Item>(NEVER, 1, { send: fail }),
        backoffDelay: (fail) => ackWithin<Item>(NEVER, 1, { send: mute, backoffDelay: fail }),
        onDead: (fail) => ackWithin<Item>(NEVER, 1, { send: mute, onDead: fail }),
      },
    },
  );

  it('reports in the receipt the number of attempts and the latency of the ack', () => {
    const { out } = run(of(item('a')), 10, { retries: 1 }, { 15: 'a' });
    expect(out).toEqual([{ id: 'a', status: 'acked', attempts: 2, latency: 15 }, 'complete']);
  });

  it('fails with an AckTimeoutError when no attempt is left', () => {
    const { sent, out } = run(concat(of(item('a')), NEVER), 10, { retries: 2 });
    expect(sent).toEqual(['a at 0', 'a at 10', 'a at 30']);
    expect(out).toEqual([new AckTimeoutError('a', 3, 10)]);
    expect(out[0]).toMatchObject({ code: 'ERR_ACK_TIMEOUT', id: 'a', attempts: 3 });
  });

  it('fails for a message without an id, and does not send it', () => {
    const { sent, out } = run(of(item('a'), {} as Item), 10);
    expect(sent).toEqual(['a at 0']);
    expect(out).toEqual([new TypeError('ackWithin: the id of a value is undefined; pass "id"')]);
  });

  it('waits as backoffDelay says', () => {
    expect(run(of(item('a')), 10, { retries: 2, backoffDelay: linearDelay }).sent).toEqual(['a at 0', 'a at 10', 'a at 30']);
    expect(run(of(item('a')), 10, { retries: 2, backoffDelay: () => 7 }).sent).toEqual(['a at 0', 'a at 7', 'a at 14']);
  });

  it('waits for longer than a timer can', () => {
    const month = 30 * 24 * 3_600_000;
    expect(run(of(item('a')), month).out).toEqual([new AckTimeoutError('a', 1, month)]);
    jest.useFakeTimers({ now: 0 });
    const out: unknown[] = [];
    const subscription = of(item('a'))
      .pipe(ackWithin(NEVER, month, { send: mute, onDead: (message) => out.push(message) }))
      .subscribe();
    jest.advanceTimersByTime(month - 1);
    expect(out).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(out).toEqual([item('a')]);
    subscription.unsubscribe();
    jest.useRealTimers();
  });

  it('has one timer, whatever is in flight', () => {
    const scheduler = new VirtualTimeScheduler();
    const items = from(Array.from({ length: 1_000 }, (_, index) => item(String(index))));
    const subscription = items.pipe(ackWithin(NEVER, 10, { send: mute, scheduler })).subscribe();
    expect(scheduler.actions).toHaveLength(1);
    subscription.unsubscribe();
  });

  it.each([
    ['an id', 'a'],
    ['an ack message', createMessage('ack', null, { correlationId: 'a' })],
    ['a receipt', { id: 'a', status: 'acked' }],
  ])('takes %s as an ack', (_, ack) => {
    expect(run(of(item('a')), 10, {}, { 5: ack }).out).toMatchObject([{ id: 'a', status: 'acked' }, 'complete']);
  });

  it.each([
    ['nothing known', 'z'],
    ['another kind of message that answers it', { type: 'chat.said', correlationId: 'a' }],
    ['a receipt that is not final', { id: 'a', status: 'sent' }],
    ['null', null],
  ])('takes no notice of %s', (_, ack) => {
    expect(run(of(item('a')), 10, {}, { 5: ack }).out).toEqual([new AckTimeoutError('a', 1, 10)]);
  });

  it('fails at once with the error of a receipt', () => {
    const error = new MessageDroppedError('a', 'overflow');
    expect(run(of(item('a')), 10, {}, { 5: { id: 'a', status: 'dead', error } }).out).toEqual([error]);
  });

  it('sends a message that is in flight already no second time', () => {
    const { sent, out } = run(of(item('a'), item('a')), 10, {}, { 5: 'a' });
    expect(sent).toEqual(['a at 0']);
    expect(out).toMatchObject([{ id: 'a' }, 'complete']);
  });

  it('fails with an OverflowError past maxInFlight', () => {
    expect(run(of(item('a'), item('b')), 10, { maxInFlight: 1 }).out).toEqual([new OverflowError('ackWithin', 1)]);
  });

  it('passes an error of the acks on', () => {
    const boom = new Error('boom');
    const acks$ = new Subject<string>();
    const result = firstValueFrom(of(item('a')).pipe(ackWithin(acks$, 10, { send: mute })));
    acks$.error(boom);
    return expect(result).rejects.toBe(boom);
  });

  it('sends through a Subject that gives the acks too', async () => {
    const peer = new Subject<Item | string>();
    peer.subscribe((value) => typeof value === 'object' && peer.next(value.id));
    const receipts = from(['a', 'b']).pipe(
      map(item),
      ackWithin(peer, 10),
      map(({ id }) => id),
      toArray(),
    );
    expect(await lastValueFrom(receipts)).toEqual(['a', 'b']);
  });

  it('sends through a wire, and takes its receipts', async () => {
    const receipts$ = new Subject<Receipt>();
    const wire = { receipts$, next: ({ id }: Item) => receipts$.next({ id, status: 'acked' }) };
    const receipts = from(['a', 'b']).pipe(
      map(item),
      ackWithin(wire, 10),
      map(({ id }) => id),
      toArray(),
    );
    expect(await lastValueFrom(receipts)).toEqual(['a', 'b']);
  });

  it('refuses acks that cannot send, when called', () => {
    expect(() => ackWithin(NEVER, 10)).toThrow(new TypeError('ackWithin: "send" is missing'));
  });

  it.each([{ timeout: 0 }, { timeout: NaN }])('refuses %p when called', ({ timeout }) => {
    expect(() => ackWithin(NEVER, timeout, { send: mute })).toThrow(new RangeError(`ackWithin: "timeout" must be > 0, got ${timeout}`));
  });

  it.each([{ retries: -1 }, { maxInFlight: 0 }])('refuses %p when called', (options) => {
    expect(() => ackWithin(NEVER, 1, { send: mute, ...options })).toThrow(RangeError);
  });
});

function idOf({ id }: Item): Item {
  return { id };
}
