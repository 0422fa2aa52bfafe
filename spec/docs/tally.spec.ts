import { createTally } from '../../docs/.vitepress/theme/liveDemo/tally.js';

describe('the tally of the front page', () => {
  it('counts what is lost, doubled and out of order', () => {
    const tally = createTally(() => false);
    for (const number of [1, 2, 3, 4]) tally.sent(number, 10);
    for (const number of [1, 1, 3, 2]) tally.received(number);
    tally.review(9, 10);
    expect(tally.counts).toEqual({ received: 4, lost: 0, doubled: 1, disordered: 1 });
    tally.review(10, 20);
    expect(tally.counts).toEqual({ received: 4, lost: 1, doubled: 1, disordered: 1 });
    expect([1, 2, 3, 4, 5].map((number) => tally.fateOf(number))).toEqual(['doubled', 'out of order', 'received', 'lost', undefined]);
  });

  it('counts a message as lost when a later one has arrived', () => {
    const tally = createTally(() => false);
    tally.sent(1, 10);
    tally.sent(2, 10);
    tally.received(2);
    tally.review(0, 10);
    expect(tally.fateOf(1)).toBe('lost');
    tally.received(1);
    expect(tally.counts).toEqual({ received: 2, lost: 0, doubled: 0, disordered: 1 });
  });

  it('counts no message as lost that its client keeps, nor before the time in which it may arrive', () => {
    let isKept = true;
    const tally = createTally(() => isKept);
    tally.sent(1, 10);
    tally.review(10, 20);
    isKept = false;
    tally.review(19, 30);
    expect(tally.fateOf(1)).toBe('waiting');
    tally.review(20, 30);
    expect(tally.fateOf(1)).toBe('lost');
  });
});
