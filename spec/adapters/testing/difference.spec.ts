import { runInNewContext } from 'node:vm';
import { differences, show } from '../../../lib/adapters/testing/marbleDifference.js';

class Point {
  constructor(readonly x: number) {}
}
const cycle = () => {
  const one: { self?: unknown } = {};
  one.self = one;
  return one;
};

describe('differences', () => {
  it.each([
    ['NaN', NaN, NaN],
    ['objects, whatever the order of their keys', { a: 1, b: [2] }, { b: [2], a: 1 }],
    ['maps', new Map([['a', [1]]]), new Map([['a', [1]]])],
    ['sets', new Set([1, 2]), new Set([2, 1])],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ['buffers', Uint8Array.of(1).buffer, Uint8Array.of(1).buffer],
    ['dates', new Date(5), new Date(5)],
    ['patterns', /a/g, /a/g],
    ['errors of several realms', runInNewContext('new RangeError("a")'), new RangeError('a')],
    ['errors', new RangeError('a', { cause: { b: 1 } }), new RangeError('a', { cause: { b: 1 } })],
    ['objects without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ['instances', new Point(1), new Point(1)],
    ['cycles', cycle(), cycle()],
    ['what a matcher accepts', { a: 7 }, { a: expect.any(Number) as unknown }],
  ])('finds none between equal %s', (_, actual, expected) => {
    expect(differences(actual, expected)).toEqual([]);
  });

  it.each([
    ['0 and -0', 0, -0, 'expected -0, got 0'],
    ['a number and a string', 1, '1', 'expected "1", got 1'],
    ['null and an object', null, {}, 'expected {}, got null'],
    ['arrays, in depth', [1, [2]], [1, [3]], '[1][0]: expected 3, got 2'],
    ['lengths', [1], [1, 2], '[1]: expected 2, got nothing'],
    ['undefined and nothing', { a: undefined }, {}, 'a: expected nothing, got undefined'],
    ['maps', new Map([['a', 1]]), new Map([['a', 2]]), 'a: expected 2, got 1'],
    ['sets', new Set([1]), new Set([1, 2]), '[2]: expected 2, got nothing'],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 3), '[1]: expected 3, got 2'],
    ['classes', new Point(1), { x: 1 }, 'expected { x: 1 }, got Point { x: 1 }'],
    ['dates', new Date(5), new Date(6), 'time: expected 6, got 5'],
    ['patterns', /a/, /a/g, 'pattern: expected "/a/g", got "/a/"'],
    ['what shows nothing', new WeakSet(), new WeakSet(), 'expected a WeakSet, got a WeakSet'],
    ['several errors', new AggregateError([1], 'a'), new AggregateError([2], 'a'), 'errors[0]: expected 2, got 1'],
    ['errors of another realm', runInNewContext('new Error("a")'), new Error('b'), 'message: expected "b", got "a"'],
    ['a cycle and what is none', cycle(), { self: { self: 1 } }, 'self.self: expected 1, got { self: { self: { self: { self: … } } } }'],
    ['classes of errors', new RangeError('a'), new TypeError('a'), 'expected TypeError("a"), got RangeError("a")'],
    ['messages', new Error('a'), new Error('b'), 'message: expected "b", got "a"'],
    ['causes', new Error('a', { cause: 1 }), new Error('a'), 'cause: expected nothing, got 1'],
    ['functions', show, differences, 'expected function differences, got function show'],
    ['what a matcher refuses', { a: 'x' }, { a: expect.any(Number) as unknown }, 'a: expected Any<Number>, got "x"'],
  ])('distinguishes %s', (_, actual, expected, reason) => {
    expect(differences(actual, expected)).toEqual([reason]);
  });
});

describe('show', () => {
  it.each([
    [{ a: [1n, 'x', null], 'b c': undefined }, '{ a: [1n, "x", null], b c: undefined }'],
    [new Map([[1, 'x']]), '{ 1: "x" }'],
    [{ a: { b: { c: { d: 1 } } } }, '{ a: { b: { c: { d: 1 } } } }'],
    [{ a: { b: { c: { d: {} } } } }, '{ a: { b: { c: { d: … } } } }'],
    [Symbol('s'), 'Symbol(s)'],
  ])('writes %# on one line', (value, text) => {
    expect(show(value)).toBe(text);
  });

  it('shortens long values', () => {
    expect(show('x'.repeat(500), 20)).toBe(`"${'x'.repeat(18)}…`);
  });
});
