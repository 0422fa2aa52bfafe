import { catchError, concat, defer, NEVER, of, Subject, switchMap, takeUntil, throwError, timer, type Observable } from 'rxjs';
import { ConnectionLostError, memoryLink, type Frame, type Link } from '../../../lib/index.js';
import { linkFaults, runMarble, type LinkFaults } from '../../../lib/adapters/testing/index.js';

const acts: Readonly<Record<string, (faults: LinkFaults) => void>> = {
  c: (faults) => faults.cut(),
  d: (faults) => faults.drop(),
  b: (faults) => faults.blackhole(),
  l: (faults) => faults.lag(3),
  n: (faults) => faults.lag(0),
  r: (faults) => faults.restore(),
};

/** The two ends of a link, which suffer the same faults: those of the letters of a plan. */
function ends(plan: Observable<unknown>): readonly [near: Link<Frame>, far: Link<Frame>] {
  const faults = linkFaults();
  const [near, far] = memoryLink<Frame>();
  plan.subscribe((letter) => acts[String(letter)]?.(faults));
  return [faults.layer(near), faults.layer(far)];
}

/** A pipeline: the source is sent from one end, and the result is what arrives at the other one. */
const carry = (source: Observable<string>, { plan }: { readonly plan: Observable<string> }): Observable<Frame> => {
  const [near, far] = ends(plan);
  near(source).subscribe({ error: () => undefined });
  return far(NEVER);
};

const cut = new ConnectionLostError(1006, 'the test has cut the connection');

describe('linkFaults', () => {
  it('carries frames, and the end of a connection', () => {
    runMarble({ source: '-a-b|', expected: '-a-b|', inputs: { plan: '-' } }, carry);
  });

  it('loses a connection at both ends, at once', () => {
    const spec = { source: '-a-b-a-', expected: '-a-b#', inputs: { plan: '----c' }, outputs: { sender: '----x' }, error: cut };
    runMarble({ ...spec, values: { x: cut } }, (source, { plan, sender }) => {
      const [near, far] = ends(plan);
      near(source as unknown as Observable<string>).subscribe({ error: sender });
      return far(NEVER);
    });
  });

  it('refuses connections while it is cut, and no longer', () => {
    const refused = new ConnectionLostError(1006, 'the network is cut');
    const spec = { source: '-c---r', expected: '---x--a', values: { x: refused }, unsub: '-------!' };
    runMarble(spec, (plan) => {
      const [near, far] = ends(plan);
      const dial = defer(() => {
        near(concat(of('a'), NEVER)).subscribe({ error: () => undefined });
        return far(NEVER);
      }).pipe(catchError((error: unknown) => of(error)));
      return concat(wait(3, dial), wait(3, dial));
    });
  });

  it('drops a connection, and the next one opens at once', () => {
    const spec = { source: '-d', expected: '-(xa)', values: { x: cut }, unsub: '-----!' };
    runMarble(spec, (plan) => {
      const [near, far] = ends(plan);
      const dial = (letter: string) =>
        defer(() => {
          near(concat(letter === 'a' ? of(letter) : NEVER, NEVER)).subscribe({ error: () => undefined });
          return far(NEVER);
        }).pipe(catchError((error: unknown) => of(error)));
      return concat(dial('z'), dial('a'));
    });
  });

  it('loses frames without a word, and the connection carries none any more', () => {
    runMarble({ source: '-a-b-c-d', expected: '-a------', inputs: { plan: '--b---r--' }, unsub: '---------!' }, carry);
  });

  it('keeps a connection that has lost nothing in the black hole', () => {
    runMarble({ source: '-a------b', expected: '-a------b', inputs: { plan: '--b---r--' }, unsub: '---------!' }, carry);
  });

  it('makes a new connection wait in a black hole', () => {
    runMarble({ source: 'a', expected: '----a', inputs: { plan: '(b)-r' }, unsub: '-----!' }, carry);
  });

  it('closes one end in a black hole, without notice to the other end', () => {
    const silent = new ConnectionLostError(4411, 'silent');
    const spec = { source: '-b', expected: '--#', error: silent, outputs: { other: '---' } };
    runMarble(spec, (plan, { other }) => {
      const [near, far] = ends(plan);
      far(NEVER).subscribe({ error: other, complete: () => other('complete') });
      return near(
        wait(
          2,
          throwError(() => silent),
        ),
      );
    });
  });

  it('leaves an end in the dark when the other end closes in a black hole', () => {
    const faults = linkFaults();
    const [sent$, closing$, silent] = [new Subject<Frame>(), new Subject<Frame>(), new ConnectionLostError(4411, 'silent')];
    const ends: unknown[] = [];
    // As links do, it lets go of what it sends when the other end closes.
    const link: Link<Frame> = (outgoing) => outgoing.pipe(takeUntil(closing$));
    faults
      .layer(link)(sent$)
      .subscribe({ error: (error) => ends.push(error), complete: () => ends.push('complete') });
    faults.blackhole();
    closing$.next('closed');
    expect([sent$.observed, ends]).toEqual([true, []]);
    sent$.error(silent);
    expect(ends).toEqual([silent]);
  });

  it('stops to send when it is unsubscribed from', () => {
    const faults = linkFaults();
    const [near, far] = memoryLink<Frame>();
    const sent$ = new Subject<Frame>();
    far(NEVER).subscribe({ error: () => undefined });
    const subscription = faults.layer(near)(sent$).subscribe();
    faults.blackhole();
    expect(sent$.observed).toBe(true);
    subscription.unsubscribe();
    expect(sent$.observed).toBe(false);
  });

  it('delays frames, and keeps their order when the delay ends', () => {
    const spec = { source: '-a-b-c|', expected: '-a----(bc|)', inputs: { plan: '--l-n' } };
    runMarble(spec, carry);
  });

  it('adds a random time, and keeps the order', () => {
    const shares = [1, 0, 0.5];
    const spec = { source: 'ab------c|', expected: '----(ab)---(c|)' };
    runMarble(spec, (source) => {
      const faults = linkFaults({ random: () => shares.shift() ?? 0 });
      faults.lag(2, 2);
      const [near, far] = memoryLink<Frame>();
      faults
        .layer(near)(source)
        .subscribe({ error: () => undefined });
      return far(NEVER);
    });
  });

  it('describes itself as its link does', () => {
    const link = Object.assign((() => NEVER) as Link<Frame>, { protocol: 'sse', endpoint: 'http://a' });
    const { protocol, endpoint } = linkFaults().layer(link);
    expect([protocol, endpoint]).toEqual(['sse', 'http://a']);
  });

  it('refuses a negative lag', () => {
    expect(() => linkFaults().lag(-1)).toThrow(new RangeError('lag: "ms" must be >= 0, got -1'));
    expect(() => linkFaults().lag(1, -1)).toThrow(new RangeError('lag: "jitter" must be >= 0, got -1'));
  });
});

/** Subscribes to `next` after a time. */
function wait<T>(ms: number, next: Observable<T>): Observable<T> {
  return timer(ms).pipe(switchMap(() => next));
}
