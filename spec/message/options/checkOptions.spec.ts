import { checkOptions } from '../../../lib/message/options/checkOptions.js';

describe('checkOptions', () => {
  it('refuses an unknown name, and suggests the most similar one', () => {
    expect(() => checkOptions('dedupe', { tll: 3 })).toThrow('dedupe: unknown option "tll"; did you mean "ttl"?');
  });

  it.each([
    ['a text', { ttl: '3' }],
    ['a function for an object', { scheduler: () => undefined }],
    ['null', { key: null }],
  ])('refuses another kind of value: %s', (_, options) => {
    expect(() => checkOptions('dedupe', options)).toThrow(TypeError);
  });

  it('accepts undefined values of names that it knows', () => {
    expect(() => checkOptions('dedupe', { ttl: undefined })).not.toThrow();
    expect(() => checkOptions('dedupe', { tll: undefined })).toThrow('did you mean "ttl"?');
  });

  it('accepts frozen options, and options that a class or another object inherits', () => {
    class Options {
      readonly ttl = 3;
    }
    for (const options of [Object.freeze({ ttl: 3 }), new Options(), Object.create({ ttl: 3 }) as object, new Proxy({ ttl: 3 }, {})])
      expect(() => checkOptions('dedupe', options)).not.toThrow();
  });

  it('accepts a function that has the members of an object, as some mocks do', () => {
    const scheduler = Object.assign(() => undefined, { now: () => 0, schedule: () => undefined });
    expect(() => checkOptions('dedupe', { scheduler })).not.toThrow();
  });
});
