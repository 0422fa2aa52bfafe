import { createRouteTable, matcher } from '../../../lib/operators/routing/routeTable.js';

describe('routes', () => {
  function table(...patterns: (string | RegExp)[]) {
    const made = createRouteTable<string>('route');
    for (const pattern of patterns) made.add(pattern, String(pattern));
    return made;
  }

  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a.b', 'a', false],
    ['a.b', 'a.b.c', false],
    ['*', 'a', true],
    ['*', 'a.b', true],
    ['*', '', true],
    ['a.*', 'a.b', true],
    ['a.*', 'a.b.c.d', true],
    ['a.*', 'a.', true],
    ['a.*', 'a', false],
    ['a.*', 'ab', false],
    ['a*', 'a', true],
    ['a*', 'ab', true],
    ['a*', 'a.b.c', true],
    ['a*', 'ba', false],
    ['execution*', 'execution.start', true],
    ['execution*', 'executor', false],
    ['a.b*', 'a.bc.d', true],
    ['a.b*', 'a.c', false],
    ['*.b*', 'a.bc.d', true],
    ['*.b*', 'a.a.b', false],
    ['*.*', 'a.b.c', true],
    ['*.*', 'a', false],
    ['größe 1.*', 'größe 1.x', true],
    ['a.*.c', 'a.b.c', true],
    ['a.*.c', 'a.b.d', false],
    ['**', 'a', true],
    ['**', 'a.b.c', true],
    ['a.**', 'a.b', true],
    ['a.**', 'a.b.c.d', true],
    ['a.**', 'a', false],
    ['*.**', 'a', false],
    ['*.**', 'a.b', true],
  ])('%s and %s: %s', (pattern, topic, is) => {
    expect([table(pattern).find(topic).length > 0, matcher('route', pattern)(topic)]).toEqual([is, is]);
  });

  it('finds all that match, in the order in which they were added', () => {
    expect(table('a.**', /^a/, 'a.b', '*.b', 'b.b').find('a.b')).toEqual(['a.**', '/^a/', 'a.b', '*.b']);
  });

  it('finds the same whether or not the topic was seen before', () => {
    const made = table('a.*', /b$/);
    expect(made.find('a.b')).toEqual(made.find('a.b'));
  });

  it('agrees with a matcher that goes through all patterns one by one', () => {
    const words = ['a', 'b', 'c'];
    const all = (wild: readonly string[], depth: number): string[] =>
      depth === 0 ? [] : wild.flatMap((word) => [word, ...all(wild, depth - 1).map((rest) => `${word}.${rest}`)]);
    const patterns = [...all([...words, '*'], 3), '**', 'a.**', '*.**', 'a.*.**', 'b.a.**', 'a*', '*.b*'];
    const isMatch = ([head, ...rest]: string[], [first, ...others]: string[]): boolean => {
      if (head === undefined || first === undefined) return head === first;
      if (rest.length === 0 && head.endsWith('*')) return first.startsWith(head.replaceAll('*', ''));
      return (head === '*' || head === first) && isMatch(rest, others);
    };
    const made = table(...patterns);
    for (const topic of all(words, 4))
      expect(made.find(topic)).toEqual(patterns.filter((pattern) => isMatch(pattern.split('.'), topic.split('.'))));
  });

  it('behaves after a removal as without the route', () => {
    const made = table('a.*', 'a.b');
    const remove = made.add('a.**', 'gone');
    const removeExpression = made.add(/a/, 'gone, too');
    expect(made.find('a.b')).toHaveLength(4);
    remove();
    removeExpression();
    remove();
    expect(made.find('a.b')).toEqual(['a.*', 'a.b']);
  });

  it('distinguishes two routes with the same pattern', () => {
    const made = table('a');
    const remove = made.add('a', 'again');
    remove();
    remove();
    expect(made.find('a')).toEqual(['a']);
  });

  it.each([/a/g, /a/y])('returns the same result each time for %s, and does not change it', (expression) => {
    expression.lastIndex = 1;
    const made = table(expression);
    made.find('a');
    // What comes in between has no place in the cache.
    made.find('a'.repeat(200));
    expect([made.find('a'.repeat(200)), made.find('a1'), expression.lastIndex]).toEqual([[String(expression)], [String(expression)], 1]);
  });

  describe('hostile wildcard patterns', () => {
    it.each(['', 'a*b', '*a', 'a*.b', 'a**', '**.a', 'a.**.b', '***', 'a\n', 'a'.repeat(257), Array(17).fill('a').join('.')])(
      'refuses the pattern %j',
      (pattern) => {
        expect(() => table(pattern)).toThrow(RangeError);
      },
    );

    it('finds nothing for topics that mean something elsewhere', () => {
      const made = table('a.*', 'a.b.*');
      for (const topic of ['__proto__', 'constructor', 'b.__proto__.toString', 'toString', '*', '**', '', '.', 'b.*', '(a+)+$'])
        expect(made.find(topic)).toEqual([]);
      expect(table('__proto__').find('__proto__')).toEqual(['__proto__']);
    });
  });

  it.each(['.', '..a'])('treats the special name %j as plain text', (name) => {
    expect(table(name).find(name)).toEqual([name]);
  });

  it('takes a topic of * as a name like others', () => {
    expect(table('a.*').find('a.*')).toEqual(['a.*']);
  });

  it('reads a topic only to the depth of its patterns', () => {
    const made = table(`${Array(15).fill('*').join('.')}.a`, `${Array(15).fill('*').join('.')}.**`);
    const start = performance.now();
    for (let n = 0; n < 200; n++) expect(made.find(`${'a.'.repeat(100_000)}${n}`)).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('finds prefixes at a cost that does not depend on how many there are', () => {
    const made = table(...Array.from({ length: 20_000 }, (_, n) => `a.p${n}x*`));
    const start = performance.now();
    for (let n = 0; n < 2_000; n++) expect(made.find(`a.p${n}x.${'y'.repeat(100)}${n}`)).toEqual([`a.p${n}x*`]);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('forgets a removed prefix, and keeps the others', () => {
    const made = table('a*', 'ab*');
    made.add('ab*', 'gone')();
    expect(made.find('abc')).toEqual(['a*', 'ab*']);
  });

  it('tries no more than each node once, where each segment matches two', () => {
    const made = createRouteTable<number>('route');
    for (let n = 0; n < 2 ** 10; n++) made.add(`${Array.from({ length: 10 }, (_, bit) => ((n >> bit) & 1 ? '*' : 'a')).join('.')}.z`, n);
    expect(made.find(`${Array(10).fill('a').join('.')}.z`)).toHaveLength(2 ** 10);
  });
});
