import {
  concat,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  NEVER,
  of,
  Subject,
  switchMap,
  takeUntil,
  tap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { ConnectionLostError, NoWebSocketError, ProtocolError, UnsupportedError } from '../../lib/message/errors.js';
import { fallback } from '../../lib/io/fallback.js';
import type { DescribedLink, Frame, Link } from '../../lib/io/link.js';

type Candidate = Link<Frame> & DescribedLink;

/** A link that lives as it is told, and asks for what is to be sent at once, or `openAfter` ms later, as a WebSocket does. */
function marbled(name: string, log: string[], life: () => Observable<Frame>, openAfter = 0): Candidate {
  const link: Link<Frame> = (outgoing) =>
    defer(() => {
      const over$ = new Subject<void>();
      log.push(`${name}+`);
      const asks$ = defer(() => {
        log.push(`${name} asks`);
        return outgoing;
      });
      const wait$ = openAfter === Infinity ? NEVER : openAfter > 0 ? timer(openAfter) : of(0);
      const asked$ = wait$.pipe(
        switchMap(() => asks$),
        ignoreElements(),
        takeUntil(over$),
      );
      return merge(asked$, life().pipe(tap({ complete: () => over$.next() }))).pipe(finalize(() => log.push(`${name}-`)));
    });
  return Object.assign(link, { protocol: name, endpoint: `to ${name}` });
}

const lost = (code: number): Observable<never> => throwError(() => new ConnectionLostError(code, ''));

describe('fallback', () => {
  let log: string[];
  beforeEach(() => void (log = []));
  const run = (body: Parameters<TestScheduler['run']>[0]): unknown => new TestScheduler((a, b) => expect(a).toEqual(b)).run(body);

  it('uses the first link that works, and leaves it alone', () => {
    run(({ cold, expectObservable }) => {
      const link = fallback(
        marbled('a', log, () => cold('-x-y|')),
        marbled('b', log, () => cold('-z')),
      );
      expectObservable(link(NEVER)).toBe('-x-y|');
    });
    expect(log).toEqual(['a+', 'a asks', 'a-']);
  });

  it('tries the next link when one fails before its first frame, or receives none in time', () => {
    run(({ cold, expectObservable }) => {
      const silent = marbled('silent', log, () => cold('-'), Infinity);
      const broken = marbled('broken', log, () => cold('--#', undefined, new ConnectionLostError(1006, '')));
      const link = fallback(
        silent,
        broken,
        marbled('good', log, () => cold('-x')),
        { timeout: 10 },
      );
      expectObservable(link(NEVER), '20ms !').toBe('10ms ---x');
    });
    expect(log).toEqual(['silent+', 'silent-', 'broken+', 'broken asks', 'broken-', 'good+', 'good asks', 'good-']);
  });

  it.each<[string, Error]>([
    ['there is no WebSocket here', new NoWebSocketError()],
    ['the address is none for it', new UnsupportedError('')],
    ['the server does not have it', new ConnectionLostError(1003, '')],
    ['it fails in a way of its own', new TypeError('')],
  ])('tries the next when %s', (_, error) => {
    run(({ cold, expectObservable }) => {
      const link = fallback(
        marbled('a', log, () => throwError(() => error)),
        marbled('b', log, () => cold('-x')),
      );
      expectObservable(link(NEVER), '--!').toBe('-x');
    });
  });

  it.each<[string, Error]>([
    ['the client is refused', new ConnectionLostError(4401, '')],
    ['it may not', new ConnectionLostError(4403, '')],
    ['another has taken over', new ConnectionLostError(4409, '')],
    ['the server breaks the rules', new ProtocolError('')],
  ])('fails when %s', (_, error) => {
    run(({ expectObservable }) => {
      const link = fallback(
        marbled('a', log, () => throwError(() => error)),
        marbled('b', log, () => EMPTY),
      );
      expectObservable(link(NEVER)).toBe('#', undefined, error);
    });
    expect(log).not.toContain('b+');
  });

  it('fails with the last error when none works', () => {
    run(({ expectObservable }) => {
      const link = fallback(
        marbled('a', log, () => lost(1006)),
        marbled('b', log, () => lost(1014)),
      );
      expectObservable(link(NEVER)).toBe('#', undefined, new ConnectionLostError(1014, ''));
    });
  });

  it('fails when a link that has worked is lost; the next time begins with that, and goes round', () => {
    let isUp = true;
    run(({ cold, expectObservable }) => {
      const error = new ConnectionLostError(1006, '');
      const link = fallback(
        marbled('a', log, () => (isUp ? lost(1006) : cold('-y'))),
        marbled('b', log, () => (isUp ? cold('-x-#', undefined, error) : lost(1006))),
      );
      expectObservable(link(NEVER)).toBe('-x-#', undefined, error);
      const again = defer(() => {
        log.push('again');
        return link(NEVER);
      });
      expectObservable(
        cold('10ms |').pipe((first) => concat(first, again)),
        '15ms !',
      ).toBe('10ms -x-#', undefined, error);
      const down = defer(() => {
        isUp = false;
        return link(NEVER);
      });
      expectObservable(
        cold('30ms |').pipe((first) => concat(first, down)),
        '35ms !',
      ).toBe('30ms -y');
    });
    expect(log.slice(log.indexOf('again'))).toEqual(['again', 'b+', 'b asks', 'b-', 'b+', 'b asks', 'b-', 'a+', 'a asks', 'a-']);
  });

  it('goes up again once the better link opens, and interrupts nothing before', () => {
    let isBlocked = true;
    const later = (delay: number, then: Observable<Frame>): Observable<Frame> => concat(timer(delay).pipe(ignoreElements()), then);
    run(({ expectObservable }) => {
      const link = fallback(
        marbled('a', log, () => (isBlocked ? later(3, lost(1006)) : later(6, concat(of('up'), NEVER))), 5),
        marbled('b', log, () => later(1, concat(of('low'), NEVER))),
        { upgradeAfter: 20, timeout: 10 },
      );
      // a is tried at 0, at 20, and, after twice as long, at 60.
      expectObservable(link(NEVER), '100ms !').toBe('4ms x 61ms y', { x: 'low', y: 'up' });
      timer(30).subscribe(() => (isBlocked = false));
      timer(10).subscribe(() => log.push(`10: ${link.protocol ?? ''} ${link.endpoint ?? ''}`));
      timer(64).subscribe(() => log.push(`64: ${link.protocol ?? ''}`));
      timer(90).subscribe(() => log.push(`90: ${link.protocol ?? ''}`));
    });
    expect(log).toEqual(['a+', 'a-', 'b+', 'b asks', '10: b to b', 'a+', 'a-', 'a+', '64: b', 'a asks', 'b-', '90: a', 'a-']);
  });

  it('returns to the former link when the better one takes over and does not work', () => {
    run(({ expectObservable }) => {
      const link = fallback(
        marbled('a', log, () => NEVER),
        marbled('b', log, () => concat(timer(1).pipe(ignoreElements()), of('low'), NEVER)),
        { upgradeAfter: 20, timeout: 5 },
      );
      // After 5 ms a is given up; 20 ms after it was tried it is tried again, for 5 ms.
      expectObservable(link(NEVER), '30ms !').toBe('6ms x 19ms x', { x: 'low' });
    });
    expect(log).toEqual(['a+', 'a asks', 'a-', 'b+', 'b asks', 'a+', 'a asks', 'b-', 'a-', 'b+', 'b asks', 'b-']);
  });

  it('waits twice as long each time', () => {
    run(({ expectObservable }) => {
      const note = marbled('a', log, () => defer(() => lost(1006)), Infinity);
      const link = fallback(
        note,
        marbled('b', log, () => concat(of('low'), NEVER)),
        { upgradeAfter: 10, timeout: 5 },
      );
      expectObservable(link(NEVER), '100ms !').toBe('x', { x: 'low' });
      for (const at of [9, 11, 29, 31, 69, 71]) timer(at).subscribe(() => log.push(String(at)));
    });
    expect(log.filter((one) => one !== 'a-')).toEqual(['a+', 'b+', 'b asks', '9', 'a+', '11', '29', 'a+', '31', '69', 'a+', '71', 'b-']);
  });

  it('refuses an empty list of links, and an invalid time', () => {
    expect(() => fallback()).toThrow(TypeError);
    expect(() => fallback({ timeout: 1 })).toThrow(TypeError);
    expect(() =>
      fallback(
        marbled('a', log, () => EMPTY),
        { timeout: 0 },
      ),
    ).toThrow(RangeError);
    expect(() =>
      fallback(
        marbled('a', log, () => EMPTY),
        { upgradeAfter: NaN },
      ),
    ).toThrow(RangeError);
  });
});
