import { readFileSync } from 'node:fs';
import { describeSituation, type Situation } from '../../docs/examples/console/page/faultWords.js';
import { wordsFor } from '../../docs/examples/console/page/errorWords.js';
import { niceTop, percentile } from '../../docs/examples/console/page/percentile.js';
import { ReplyError, SessionLostError } from '../../lib/index.js';

const codes = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^## (ERR_\w+)$/gm)].map(([, code]) => code!);

describe('the words of the console for an error', () => {
  it('are a sentence for each code that there is, without the code', () => {
    expect(codes.length).toBeGreaterThan(30);
    for (const code of codes) expect(wordsFor({ code, message: '' })).toMatch(/^[A-Z][^_]+\.$/);
  });

  it('are the words of the server, where it has sent some', () => {
    expect(wordsFor(new ReplyError('ERR_NO_FILE', 'there is no such file'))).toBe('There is no such file.');
    expect(wordsFor(new SessionLostError())).toMatch(/^The server has forgotten this page\./);
  });

  it('are the message of another error, without codes', () => {
    expect(wordsFor(new Error('ERR_ODD: the disk is full'))).toBe('the disk is full');
    expect(wordsFor('no')).toBe('no');
  });
});

describe('the words of the fault panel', () => {
  const situation: Situation = {
    condition: 'up',
    isConnected: true,
    isRunning: false,
    fault: undefined,
    wasLost: false,
    away: 0,
    counts: { resent: 0, lost: 0, doubled: 0 },
    lag: { least: 0, most: 0 },
  };
  const say = (change: Partial<Situation>) => {
    const { kind, text } = describeSituation({ ...situation, ...change });
    return `${kind}: ${text}`;
  };

  it('describe the state, and the losses', () => {
    expect(say({})).toBe('plain: Nothing is broken. Run a program, then break something while it prints.');
    expect(say({ lag: { least: 100, most: 100 } })).toBe('wait: Slow: each frame takes 100 ms longer, in each direction. The order stays.');
    expect(say({ fault: 'cut', isConnected: false })).toBe(
      'wait: The connection is cut. The page reconnects. What you write is kept, and sent later.',
    );
    expect(say({ condition: 'black hole', fault: 'black hole', isRunning: true })).toBe(
      'bad: Every frame disappears, and neither side has noticed yet: that takes 5 s. The server keeps what the program prints.',
    );
    expect(say({ fault: 'offline', wasLost: true, away: 2_340, counts: { resent: 1, lost: 0, doubled: 0 } })).toBe(
      'good: Back after 2.3 s. 1 message of this run resent, 0 lost, 0 doubled.',
    );
  });

  it('fit the panel', () => {
    for (const condition of ['up', 'cut', 'black hole'] as const)
      for (const fault of [undefined, 'cut', 'black hole', 'offline', 'transport', 'session', 'program'] as const)
        for (const isConnected of [true, false]) {
          const { text } = describeSituation({ ...situation, condition, fault, isConnected, isRunning: true });
          expect(text.length).toBeLessThanOrEqual(130);
          expect(text).not.toMatch(/^\s|undefined/);
        }
  });
});

describe('the latency of the console', () => {
  it('has percentiles by the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([50, 95, 99, 100, 0].map((percent) => percentile(hundred, percent))).toEqual([50, 95, 99, 100, 1]);
    expect([50, 99].map((percent) => percentile([7], percent))).toEqual([7, 7]);
  });

  it('has an axis that ends at a round number', () => {
    expect([0, 5, 5.1, 10, 11, 49, 51, 180, 1_001].map(niceTop)).toEqual([5, 5, 10, 10, 20, 50, 100, 200, 2_000]);
  });
});
