import { asapScheduler, concat, map, NEVER, of, Subject, throwError, VirtualTimeScheduler } from 'rxjs';
import { ConnectionLostError, OverflowError } from '../../lib/message/errors.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { record } from '../support/record.js';

/** Two ends in virtual time. */
function pair() {
  const scheduler = new VirtualTimeScheduler();
  const [near, far] = memoryLink<string>({ scheduler });
  const nearOut = new Subject<string>();
  const farOut = new Subject<string>();
  return { scheduler, near, far, nearOut, farOut };
}

describe('memoryLink', () => {
  it('opens when both ends are subscribed', () => {
    const { near, far, nearOut, farOut } = pair();
    near(nearOut).subscribe();
    expect(nearOut.observed).toBe(false);
    far(farOut).subscribe();
    expect([nearOut.observed, farOut.observed]).toEqual([true, true]);
  });

  it('carries both ways, in order, when the scheduler says so', () => {
    const { scheduler, near, far, nearOut, farOut } = pair();
    const [nearIn, farIn] = [record(near(nearOut)), record(far(farOut))];
    nearOut.next('a');
    farOut.next('x');
    nearOut.next('b');
    expect([nearIn.values, farIn.values]).toEqual([[], []]);
    scheduler.flush();
    expect([nearIn.values, farIn.values]).toEqual([['x'], ['a', 'b']]);
  });

  it('carries at the end of the microtask by default', async () => {
    const [near, far] = memoryLink<string>();
    const farIn = record(far(NEVER));
    near(of('a')).subscribe();
    expect(farIn.values).toEqual([]);
    await new Promise<void>((resolve) => asapScheduler.schedule(resolve));
    expect(farIn.values).toEqual(['a']);
  });

  it('answers frames that arrive during the opening', () => {
    const { scheduler, near, far } = pair();
    const farOut = new Subject<string>();
    const nearIn = record(near(concat(of('ping'), NEVER)));
    far(farOut).subscribe((text) => farOut.next(`${text} pong`));
    scheduler.flush();
    expect(nearIn.values).toEqual(['ping pong']);
  });

  it('completes both ends when one completes, after delivering earlier frames', async () => {
    const { scheduler, near, far, farOut } = pair();
    const [nearIn, farIn] = [record(near(of('last'))), record(far(farOut))];
    scheduler.flush();
    expect(farIn.values).toEqual(['last']);
    expect(await nearIn.ended).toBe('complete');
    expect(await farIn.ended).toBe('complete');
    expect(farOut.observed).toBe(false);
  });

  it('closes the other end with 4000 when one is unsubscribed, after earlier frames', async () => {
    const { scheduler, near, far, nearOut, farOut } = pair();
    const [nearIn, farIn] = [record(near(nearOut)), record(far(farOut))];
    nearOut.next('last');
    nearIn.subscription.unsubscribe();
    expect(farIn.isOver()).toBe(false);
    scheduler.flush();
    expect(farIn.values).toEqual(['last']);
    expect(await farIn.ended).toEqual(new ConnectionLostError(4000, ''));
    expect([nearOut.observed, farOut.observed]).toEqual([false, false]);
  });

  it.each([
    ['its close code', new ConnectionLostError(4400, 'bad'), new ConnectionLostError(4400, 'bad')],
    ['4000', new OverflowError('things', 3), new ConnectionLostError(4000, '')],
  ])('delivers an error of outgoing, and is lost to the other end with %s', async (_, error, loss) => {
    const { scheduler, near, far, farOut } = pair();
    const nearIn = record(near(throwError(() => error)));
    const farIn = record(far(farOut));
    scheduler.flush();
    expect(await nearIn.ended).toBe(error);
    expect(await farIn.ended).toEqual(loss);
  });

  it('opens again each time both ends subscribe', () => {
    const { scheduler, near, far, nearOut, farOut } = pair();
    for (const text of ['a', 'b', 'c']) {
      const [nearIn, farIn] = [record(near(nearOut.pipe(map((value) => `${value}${text}`)))), record(far(farOut))];
      nearOut.next('');
      scheduler.flush();
      expect(farIn.values).toEqual([text]);
      nearIn.subscription.unsubscribe();
      scheduler.flush();
    }
  });

  it('does not connect to an end that has unsubscribed before', () => {
    const { near, far, nearOut, farOut } = pair();
    near(nearOut).subscribe().unsubscribe();
    far(farOut).subscribe();
    expect(farOut.observed).toBe(false);
    near(nearOut).subscribe();
    expect([nearOut.observed, farOut.observed]).toEqual([true, true]);
  });
});
