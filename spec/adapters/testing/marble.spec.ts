import {
  EMPTY,
  NEVER,
  Observable,
  catchError,
  concatMap,
  delay,
  interval,
  map,
  merge,
  of,
  repeat,
  retry,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import { collectMarbles, marble, recordMarble, runMarble } from '../../../lib/adapters/testing/index.js';
import { failureOf } from '../../support/failureOf.js';

/** Runs with other globals than the runner's. */
function withGlobals(globals: { it?: unknown; test?: unknown }, run: () => void): void {
  const { it: realIt, test: realTest } = globalThis;
  Object.assign(globalThis, { it: undefined, test: undefined, ...globals });
  try {
    run();
  } finally {
    Object.assign(globalThis, { it: realIt, test: realTest });
  }
}

marble('is a test', { source: '-a-b-|', expected: '---a-(b|)', time: { lag: '--|' }, subs: '^----!' }, (source, { lag }) =>
  source.pipe(delay(lag)),
);

describe('marbles that are right', () => {
  it('map letters to values on every line, and leave the others as they are', () => {
    const spec = {
      source: ' -a-b|',
      expected: '-x-b|',
      inputs: { further: 'a' },
      outputs: { seen: '-a-b' },
      values: { a: 1, x: 2 },
    } as const;
    runMarble(spec, (source, { further, seen }) =>
      source.pipe(
        tap(seen),
        concatMap((value) => (typeof value === 'number' ? further.pipe(take(1), map((one) => one + value)) : of(value))), // prettier-ignore
      ),
    );
  });

  it('measure time in ms', () => {
    const time = { short: '-|', long: '1s 5ms |' };
    runMarble({ source: '', expected: '-a 1s 5ms (b|)', time }, (_, { short, long }) =>
      merge(timer(short).pipe(map(() => 'a')), timer(short + 1 + long).pipe(map(() => 'b'))),
    );
  });

  it('make a source with a ^ hot, and others cold', () => {
    const late = (source: Observable<string>) => timer(2).pipe(concatMap(() => source));
    runMarble({ source: '-a^b-c|', expected: '---c|', subs: '--^-!' }, late);
    runMarble({ source: ' ab-c|', expected: '   --ab-c|', subs: '--^---!' }, late);
  });

  it('subscribe and unsubscribe as "unsub" says', () => {
    runMarble({ source: '--a--b--', expected: '----a-', subs: '--^---!', unsub: '--^---!' }, (source) => source);
    runMarble({ source: '--a--b--', expected: '--a---', subs: '^----!', unsub: '-----!' }, (source) => source.pipe(take(2)));
  });

  it('see each subscription of the source', () => {
    const spec = { source: '-a|', expected: '-a--a|', subs: ['^-!', '---^-!'] };
    runMarble(spec, (source) => source.pipe(repeat({ count: 2, delay: 1 })));
    runMarble({ source: '-a|', expected: '|', subs: [] }, () => EMPTY);
  });

  it('compare errors by kind and message', () => {
    const error = new RangeError('too far');
    runMarble({ source: '-#', expected: '-#', error: new RangeError('too far') }, (source) =>
      source.pipe(catchError(() => failing(error))),
    );
    runMarble({ source: '-#', expected: '-(a|)', values: { a: error }, error }, (source) => source.pipe(catchError((cause) => of(cause))));
  });

  it("take a runner's matchers as expected values", () => {
    const values = { a: { id: 7, at: 1 }, x: expect.objectContaining({ id: 7 }) as unknown };
    runMarble({ source: '-a|', expected: '-x|', values }, (source) => source);
  });
});

describe('marbles that are wrong', () => {
  it('fail on a value, and say where in it', () => {
    const values = { a: { id: 1, tags: ['x', 'y'] }, b: { id: 1, tags: ['x', 'z'] } };
    expect(failureOf(() => runMarble({ source: '-a|', expected: '-b|', values }, (source) => source))).toBe(
      [
        'the marbles differ',
        '',
        '  ms                1',
        '  result expected  -b|',
        '  result actual    -a|',
        '                    ^',
        '',
        '  result, at 1 ms: tags[1]: expected "z", got "y"',
        '',
      ].join('\n'),
    );
  });

  it('fail on a time, and draw both on one axis', () => {
    const late = () => runMarble({ source: '-a-(bc)-- 30ms d|', expected: '-a-(bc)-- 31ms d|' }, (source) => source);
    expect(failureOf(late)).toBe(
      [
        'the marbles differ',
        '',
        '  ms               0  3         39',
        '  result expected  -a-(bc) 35ms -d|',
        '  result actual    -a-(bc) 35ms d|',
        '                                ^^^',
        '',
        '  result, at 39 ms: expected nothing, got next "d"',
        '  result, at 40 ms: expected next "d", got complete',
        '  result, at 41 ms: expected complete, got nothing',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['a missing completion', { source: '-a-', expected: '-a-|' }, 'result, at 3 ms: expected complete, got nothing'],
    ['a completion too many', { source: '-a-|', expected: '-a--' }, 'result, at 3 ms: expected nothing, got complete'],
    ['a missing value', { source: '-a-|', expected: '-ab|' }, 'result, at 2 ms: expected next "b", got nothing'],
    ['a value too many', { source: '-ab|', expected: '-a-|' }, 'result, at 2 ms: expected nothing, got next "b"'],
    ['an error for a completion', { source: '-#', expected: '-|' }, 'result, at 1 ms: expected complete, got error "error"'],
    ['the order of an instant', { source: '(ab|)', expected: '(ba|)' }, 'result, at 0 ms: expected "b", got "a"'],
    ['an early subscription', { source: '-|', expected: '-|', subs: '-^!' }, 'subscription 1, at 0 ms: expected nothing, got subscribe'],
    ['a late unsubscription', { source: '--|', expected: '--|', subs: '^!' }, 'subscription 1, at 2 ms: expected nothing, got unsubscribe'],
    ['a subscription too many', { source: '-|', expected: '-|', subs: [] }, 'subscription 1, at 0 ms: expected nothing, got subscribe'],
    [
      'a missing subscription',
      { source: '|', expected: '|', subs: ['(^!)', '-^'] },
      'subscription 2, at 1 ms: expected subscribe, got nothing',
    ],
  ])('fail on %s', (_, spec, reason) => {
    expect(failureOf(() => runMarble(spec, (source) => source))).toContain(reason);
  });

  it('write values without a letter as lines to copy into "values"', () => {
    class Point {
      constructor(readonly x: number) {}
    }
    const emitted: Record<string, unknown> = {
      a: { id: 'm1', at: new Date(5), 'a-b': [1n, -0, null, undefined] },
      b: new Map([['k', new Set([1])]]),
      c: Uint8Array.of(1, 2),
      d: new RangeError('no'),
      e: 'hello',
      f: new Point(1),
      g: /x/g,
    };
    const spec = { source: 'abcdefgga|', expected: 'BA-------|', values: { B: { id: 'm2' } } };
    const failure = failureOf(() => runMarble(spec, (source) => source.pipe(map((letter) => emitted[letter as never]))));
    expect(failure).toContain('result expected  BA-------|\n  result actual    CDEFGHIIC|\n');
    const lines = failure.slice(failure.indexOf('  values without a letter, to copy into "values":')).split('\n');
    expect(lines.slice(1)).toEqual([
      '    C: { id: "m1", at: new Date(5), "a-b": [1n, -0, null, undefined] },',
      '    D: new Map([["k", new Set([1])]]),',
      '    E: Uint8Array.of(1, 2),',
      '    F: new RangeError("no"),',
      '    G: "hello",',
      '    // H: Point { x: 1 }',
      '    I: /x/g,',
      '',
    ]);
  });

  it('give a letter to a value that is the letter of another one', () => {
    const spec = { source: 'a|', expected: '(a|)', values: { a: 1 } };
    const failure = failureOf(() => runMarble(spec, () => of('a')));
    expect(failure).toContain('result expected  (a|)\n  result actual    (A|)\n');
    expect(failure).toMatch(/"values":\n {4}A: "a",\n/);
  });

  it('have a stack that begins at the call, and leave that of a pipeline', () => {
    const stackOf = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        return (error as Error).stack ?? '';
      }
      return '';
    };
    const first = (stack: string): string => /\n {4}at [^\n]*/.exec(stack)?.[0] ?? '';
    const same = <T>(source: T): T => source;
    const registered: (() => void)[] = [];
    withGlobals({ it: (_: string, run: () => void) => registered.push(run) }, () => {
      marble('is wrong', { source: '|', expected: '-|' }, same);
      marble('is misspelt', { source: '|', expected: '|', valus: {} } as never, same);
    });
    const stacks = [
      ...registered.map(stackOf),
      stackOf(() => runMarble({ source: '|', expected: '-|' }, same)),
      stackOf(() => recordMarble({ source: '-a' }, () => interval(1))),
      stackOf(() => withGlobals({}, () => marble('is wrong', { source: '|', expected: '|' }, same))),
    ];
    for (const stack of stacks) expect(first(stack)).toContain('marble.spec.ts');
    const thrown = new RangeError('mine');
    const { stack } = thrown;
    expect(stackOf(() => runMarble({ source: '|', expected: '|' }, () => { throw thrown; }))).toBe(stack); // prettier-ignore
  });

  it('fail on an output', () => {
    const spec = { source: '-a-b|', expected: '-a-b|', outputs: { sent: '-a--' } };
    const reasons = failureOf(() => runMarble(spec, (source, { sent }) => source.pipe(tap(sent))));
    expect(reasons).toContain('sent, at 3 ms: expected nothing, got next "b"');
    expect(reasons).toContain('sent actual    -a-b');
  });

  it('fail on an output that is never called', () => {
    const spec = { source: '-a|', expected: '-a|', outputs: { sent: '-a' } };
    expect(failureOf(() => runMarble(spec, (source) => source))).toContain('sent, at 1 ms: expected next "a", got nothing');
  });

  it('fail with the exception of a pipeline that throws while it is built', () => {
    const broken = () => {
      throw new RangeError('take: no');
    };
    expect(() => runMarble({ source: '|', expected: '|' }, broken)).toThrow(new RangeError('take: no'));
  });

  it.each([
    ['emits for ever', interval(1)],
    ['emits for ever in one instant', of(1).pipe(repeat())],
    ['waits for ever', NEVER.pipe(takeUntil(timer(1e9)))],
    ['retries for ever', timer(1e6).pipe(map(() => { throw new Error('no'); }), retry())], // prettier-ignore
  ])('fail when the pipeline %s, and do not hang', (_, endless) => {
    expect(failureOf(() => runMarble({ source: '', expected: '-' }, () => endless))).toContain('unsubscribe from it with "unsub"');
  });

  it('are refused when one name stands for two things', () => {
    const spec = { source: '|', expected: '|', time: { wait: '|' }, inputs: { wait: '|' } };
    expect(failureOf(() => runMarble(spec, (source) => source))).toContain('"wait" is used more than once');
  });

  it('are refused when a time has no end', () => {
    const spec = { source: '|', expected: '|', time: { wait: '---' } };
    expect(failureOf(() => runMarble(spec, (source) => source))).toBe('time "wait" must end in "|", got "---"');
  });

  it('restore the clock', () => {
    failureOf(() => runMarble({ source: '|', expected: '-|' }, (source) => source));
    runMarble({ source: '-|', expected: '-|' }, (source) => source);
  });
});

describe('marble', () => {
  const wrong = () => marble('is wrong', { source: '|', expected: '-|' }, (source) => source);

  it.each(['it', 'test'])('registers with the global "%s" of a runner', (name) => {
    const registered: [string, () => void][] = [];
    withGlobals({ [name]: (title: string, run: () => void) => registered.push([title, run]) }, wrong);
    expect(registered.map(([title]) => title)).toEqual(['is wrong']);
    expect(registered[0]?.[1]).toThrow('the marbles differ');
  });

  it.each([
    ['there is none', {}],
    ['an element of a page has that name', { test: { tagName: 'DIV' } }],
  ])('says to call runMarble when %s', (_, globals) => {
    withGlobals(globals, () => {
      const sentence = 'marble: there is no global "it" or "test" to register "is wrong" with; call runMarble in a test';
      expect(wrong).toThrow(new Error(sentence));
    });
  });
});

describe('collectMarbles', () => {
  it('reports the recorded emissions', async () => {
    const [diagram] = await collectMarbles(async () => {
      const spec = { source: '-a-^b-c|', expected: '---c|', time: { wait: '--|' }, operator: 'late(2 ms)' } as const;
      marble('late', spec, (source, { wait }) => timer(wait - 1).pipe(concatMap(() => source)));
      return Promise.resolve();
    });
    expect(diagram).toMatchObject({ title: 'late', operator: 'late(2 ms)', time: { wait: 2 }, end: 4 });
    expect(diagram?.lines).toMatchObject([
      {
        role: 'source',
        hot: true,
        windows: [{ from: 1, to: 4 }],
        events: [
          { frame: -2, kind: 'next', value: 'a', missed: true },
          { frame: 1, kind: 'next', value: 'b', missed: true },
          { frame: 3, kind: 'next', value: 'c' },
          { frame: 4, kind: 'complete' },
        ],
      },
      { role: 'result', windows: [{ from: 0, to: 4 }] },
    ]);
  });

  it('ends when all has ended, or where the marbles end', async () => {
    const diagrams = await collectMarbles(async () => {
      marble('ended', { source: 'a-----------|', expected: '(a|)' }, (source) => source.pipe(take(1)));
      marble('open', { source: 'a-----------', expected: 'a-' }, (source) => source);
      await Promise.resolve();
    });
    expect(diagrams.map(({ end }) => end)).toEqual([0, 12]);
  });

  it('fails with the title of marbles that are wrong, and collects no longer', async () => {
    const load = async () => {
      marble('is wrong', { source: '|', expected: '-|' }, (source) => source);
      await Promise.resolve();
    };
    await expect(collectMarbles(load)).rejects.toThrow('is wrong: the marbles differ');
    const registered: string[] = [];
    withGlobals({ it: (title: string) => registered.push(title) }, () => {
      marble('later', { source: '|', expected: '|' }, (source) => source);
    });
    expect(registered).toEqual(['later']);
  });
});

describe('recordMarble', () => {
  it('records what a pipeline does, and compares nothing', () => {
    const spec = { source: '-a-b-|', outputs: { seen: 'x' }, values: { a: 1, b: 2 } };
    const { lines, end } = recordMarble(spec, (source, { seen }) => source.pipe(tap((value) => seen(value))));
    const events = [
      { frame: 1, kind: 'next', value: 1 },
      { frame: 3, kind: 'next', value: 2 },
    ];
    expect(end).toBe(5);
    expect(lines.map(({ name }) => name)).toEqual(['source', 'seen', 'result']);
    expect(lines[1]?.events).toEqual(events);
    expect(lines[2]?.events).toEqual([...events, { frame: 5, kind: 'complete', value: undefined }]);
  });

  it('fails for a pipeline that does not end', () => {
    expect(() => recordMarble({ source: '-a' }, () => interval(1))).toThrow('the pipeline does not end');
  });
});

function failing(error: Error): Observable<never> {
  return new Observable((subscriber) => {
    subscriber.error(error);
  });
}

describe('A spec in JavaScript', () => {
  const same = (source: Observable<string>) => source;

  it.each([
    ['valus', 'values', { source: '-a|', expected: '-a|', valus: {} }],
    ['recieved', 'received', { source: '-a|', expected: '-a|', recieved: '-a' }],
    ['sub', 'subs', { source: '-a|', expected: '-a|', sub: ['^!'] }],
    ['expect', 'expected', { source: '-a|', expect: '-a|' }],
  ])('with the misspelt field %s fails', (wrong, right, spec) => {
    const sentence = `unknown option "${wrong}"; did you mean "${right}"?`;
    expect(() => runMarble(spec as never, same)).toThrow(new TypeError(`runMarble: ${sentence}`));
    const it = (_: string, run: () => void): void => run();
    withGlobals({ it }, () => {
      expect(() => marble('is misspelt', spec as never, same)).toThrow(new TypeError(`marble: ${sentence}`));
    });
  });

  it('without marbles fails, and names the missing field', () => {
    expect(() => runMarble({ source: '-a|' } as never, same)).toThrow(
      new TypeError('runMarble: "expected" must be marbles, got undefined'),
    );
    expect(() => recordMarble({} as never, same)).toThrow(new TypeError('recordMarble: "source" must be marbles, got undefined'));
  });

  it('may give any name to its times, inputs, outputs and values', () => {
    const spec = {
      source: '-a|',
      expected: '-a|',
      values: { a: 1 },
      time: { sub: '--|' },
      inputs: { valus: '-b' },
      outputs: { expect: '' },
    };
    expect(() => runMarble(spec, (source) => source)).not.toThrow();
  });
});
