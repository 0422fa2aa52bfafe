import { from, VirtualTimeScheduler } from 'rxjs';
import { createMessage, type MessageOptions } from '../../lib/message/createMessage.js';
import { isExpired } from '../../lib/message/isExpired.js';
import { expire } from '../../lib/operators/expire.js';
import { operatorContract } from '../support/operatorContract.js';

const ping = (options: MessageOptions) => createMessage('system.ping', { timestamp: 0 }, options);

describe('expire', () => {
  const later = new VirtualTimeScheduler();
  later.frame = 1;

  operatorContract(() => expire(), {
    value: (index) => ping({ id: String(index), timestamp: 0, ttl: 1 }),
    throwing: { onExpired: (fail) => expire({ scheduler: later, onExpired: fail }) },
  });

  it('drops expired messages, and reports them', () => {
    const scheduler = new VirtualTimeScheduler();
    scheduler.frame = 1_000;
    const alive = [ping({ timestamp: 0 }), ping({ timestamp: 0, ttl: 1_001 }), ping({ timestamp: 2_000, ttl: 1 })];
    const late = [ping({ timestamp: 0, ttl: 1_000 }), ping({ timestamp: 999, ttl: 0 })];
    const [passed, expired]: [unknown[], unknown[]] = [[], []];
    from([...alive, ...late])
      .pipe(expire({ scheduler, onExpired: (message) => expired.push(message) }))
      .subscribe((message) => passed.push(message));
    expect(passed).toEqual(alive);
    expect(expired).toEqual(late);
  });
});

describe('isExpired', () => {
  it.each([
    [{ timestamp: 1_000 }, 1e15, false],
    [{ timestamp: 1_000, ttl: 500 }, 1_499, false],
    [{ timestamp: 1_000, ttl: 500 }, 1_500, true],
    [{ timestamp: 1_000, ttl: 0 }, 1_000, true],
    [{ timestamp: 1_000, ttl: Infinity }, 1e15, false],
  ])('of %j at %d is %p', (message, now, expected) => {
    expect(isExpired(message, now)).toBe(expected);
  });
});
