import { noop, VirtualTimeScheduler } from 'rxjs';
import { AckPolicy } from '../../../lib/session/receive/ackPolicy.js';

/** How long the sender lets acks wait, in ms. */
const WAIT = 25;

/** A policy, the times in ms at which it made an ack due, and its clock. */
function start() {
  const scheduler = new VirtualTimeScheduler();
  const due: number[] = [];
  // The scheduler counts from 0, and no clock does.
  const epoch = 1_000;
  const runTo = (time: number): void => {
    scheduler.schedule(noop, epoch + time - scheduler.now());
    scheduler.maxFrames = epoch + time;
    scheduler.flush();
  };
  runTo(0);
  const policy = new AckPolicy({ scheduler, onDue: () => due.push(scheduler.now() - epoch) });
  return {
    policy,
    due,
    runTo,
    /** Receives the message of this number, alone in its batch, and processes all messages up to it. */
    take(number: number, wait: number): void {
      policy.received(number, wait);
      policy.processed(number);
    },
  };
}

describe('AckPolicy', () => {
  it('owes no ack before the first batch', () => {
    const { policy, due, runTo } = start();
    runTo(1_000);
    expect([policy.isDue, policy.isOwed, policy.delay(), due]).toEqual([false, false, 0, []]);
  });

  it('makes an ack due at once when the batch does not let it wait', () => {
    const { policy, due } = start();
    policy.received(1, 0);
    expect([policy.isDue, policy.isOwed, due]).toEqual([true, true, [0]]);
  });

  it('makes it due again as soon as the message is processed, when the ack before did not include it', () => {
    const { policy, due, runTo } = start();
    policy.received(1, 0);
    policy.sent(0);
    runTo(100);
    expect([policy.isDue, due]).toEqual([false, [0]]);
    policy.processed(1);
    expect([policy.isDue, due]).toEqual([true, [0, 100]]);
  });

  it('makes an ack that may wait due after that wait, and not before', () => {
    const { policy, due, runTo, take } = start();
    take(1, WAIT);
    expect([policy.isDue, policy.isOwed]).toEqual([false, true]);
    runTo(WAIT - 1);
    expect([policy.isDue, due]).toEqual([false, []]);
    runTo(WAIT);
    expect([policy.isDue, due]).toEqual([true, [WAIT]]);
  });

  it('makes one ack due for several batches: when the wait of the first has passed', () => {
    const { policy, due, runTo, take } = start();
    for (const number of [1, 2, 3]) {
      runTo(8 * (number - 1));
      take(number, WAIT);
    }
    runTo(WAIT);
    expect(due).toEqual([WAIT]);
    policy.sent(3);
    runTo(1_000);
    expect(due).toEqual([WAIT]);
  });

  it('uses the shortest wait, even if it is that of a later batch', () => {
    const { due, runTo, take } = start();
    take(1, 500);
    runTo(10);
    take(2, 20);
    runTo(1_000);
    expect(due).toEqual([30]);
  });

  it('makes an ack due after 64 batches, whatever they let it wait, and then after 64 more', () => {
    const { policy, due, runTo, take } = start();
    for (let number = 1; number < 64; number++) take(number, 5_000);
    expect(due).toEqual([]);
    take(64, 5_000);
    expect(due).toEqual([0]);
    policy.sent(64);
    runTo(1);
    for (let number = 65; number < 128; number++) take(number, 5_000);
    expect(due).toEqual([0]);
    take(128, 5_000);
    expect(due).toEqual([0, 1]);
  });

  it('lets the ack of a message wait from when the message is processed', () => {
    const { policy, due, runTo } = start();
    policy.received(1, WAIT);
    runTo(40);
    expect(due).toEqual([]);
    policy.processed(1);
    runTo(40 + WAIT - 1);
    expect(due).toEqual([]);
    runTo(1_000);
    expect(due).toEqual([40 + WAIT]);
  });

  it('makes no ack due that has travelled meanwhile', () => {
    const { policy, due, runTo, take } = start();
    take(1, WAIT);
    runTo(10);
    policy.sent(1);
    expect([policy.isDue, policy.isOwed]).toEqual([false, false]);
    runTo(1_000);
    expect(due).toEqual([]);
  });

  it('gives the next batch the whole of its wait, when the ack before has travelled', () => {
    const { policy, due, runTo, take } = start();
    take(1, WAIT);
    runTo(10);
    policy.sent(1);
    runTo(12);
    take(2, WAIT);
    runTo(12 + WAIT - 1);
    expect(due).toEqual([]);
    runTo(1_000);
    expect(due).toEqual([12 + WAIT]);
  });

  it('gives a batch a shorter wait than the one before, when the ack of that one has travelled', () => {
    const { policy, due, runTo, take } = start();
    take(1, 500);
    runTo(10);
    policy.sent(1);
    take(2, 20);
    runTo(1_000);
    expect(due).toEqual([30]);
  });

  it('makes one ack due for a batch that must not wait, and for batches behind it that may', () => {
    const { policy, due, runTo, take } = start();
    policy.received(1, 0);
    for (const number of [2, 3]) take(number, WAIT);
    expect(due).toEqual([0]);
    policy.sent(3);
    runTo(1_000);
    expect(due).toEqual([0]);
  });

  it('lets the acks behind one that must not wait, wait', () => {
    const { policy, due, runTo } = start();
    policy.received(1, 0);
    policy.sent(0);
    runTo(5);
    policy.received(2, WAIT);
    runTo(10);
    policy.processed(1);
    expect(due).toEqual([0, 10]);
    policy.sent(1);
    policy.processed(2);
    expect([policy.isDue, policy.isOwed]).toEqual([false, true]);
    runTo(1_000);
    expect(due).toEqual([0, 10, 10 + WAIT]);
  });

  it('makes nothing due twice', () => {
    const { policy, due, runTo, take } = start();
    policy.demand();
    policy.demand();
    take(1, 0);
    take(2, WAIT);
    runTo(1_000);
    expect(due).toEqual([0]);
    policy.sent(2);
    policy.processed(1);
    policy.processed(2);
    runTo(2_000);
    expect([policy.isDue, policy.isOwed, due]).toEqual([false, false, [0]]);
  });

  it('says how long an ack was kept back: from the last message on that was processed', () => {
    const { policy, runTo, take } = start();
    take(1, WAIT);
    runTo(5);
    take(2, WAIT);
    runTo(17);
    expect(policy.delay()).toBe(12);
    policy.sent(2);
    expect(policy.delay()).toBe(0);
  });

  it('says that an ack was not kept back that must not wait', () => {
    const { policy, runTo } = start();
    policy.received(1, 0);
    runTo(10);
    policy.processed(1);
    expect(policy.delay()).toBe(0);
  });

  it('begins anew with the numbers of another sender', () => {
    const { policy, due, take } = start();
    take(9, 0);
    policy.sent(9);
    policy.begin(0);
    take(1, WAIT);
    expect([policy.isOwed, due]).toEqual([true, [0]]);
    policy.begin(7);
    policy.processed(7);
    expect(due).toEqual([0]);
  });

  it('makes nothing due any more when it is cleared', () => {
    const { policy, due, runTo, take } = start();
    take(1, WAIT);
    runTo(10);
    policy.clear();
    runTo(1_000);
    expect(due).toEqual([]);
  });

  it('does not delay the ack of a message because an older batch was repeated', () => {
    const scheduler = new VirtualTimeScheduler();
    const policy = new AckPolicy({ scheduler, onDue: noop });
    policy.received(1, 2_000);
    policy.processed(1);
    policy.sent(1);
    policy.received(2, 0);
    policy.sent(1);
    policy.received(1, 0);
    policy.sent(1);
    policy.processed(2);
    expect(policy.isDue).toBe(true);
  });
});
