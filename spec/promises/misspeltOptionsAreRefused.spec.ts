import { createServer } from 'node:http';
import { of } from 'rxjs';
import { hub } from '../../lib/server/hub/hub.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { lmdbStore, type LmdbStoreOptions } from '../../lib/stores/lmdb/lmdbStore.js';
import { listen } from '../../lib/server/listen.js';
import { serve } from '../../lib/server/serve.js';

const link = memoryLink<string | Uint8Array>()[0];
const functions = {
  listen: (options: object) => listen(createServer(), options),
  serve: (options: object) => serve(of(link), options),
  hub: (options: object) => hub(options),
  lmdbStore: (options: object) => lmdbStore(options as LmdbStoreOptions),
};

describe('An option whose name is not known', () => {
  it.each<[keyof typeof functions, object, string]>([
    ['hub', { authorise: () => false }, 'hub: unknown option "authorise"; did you mean "authorize"?'],
    ['hub', { maxmembers: 1 }, 'hub: unknown option "maxmembers"; did you mean "maxMembers"?'],
    ['listen', { authenticat: () => undefined }, 'listen: unknown option "authenticat"; did you mean "authenticate"?'],
    ['listen', { origin: ['https://example.com'] }, 'listen: unknown option "origin"; did you mean "origins"?'],
    ['listen', { autenticate: undefined }, 'listen: unknown option "autenticate"; did you mean "authenticate"?'],
    ['listen', { rateLimits: {} }, 'listen: unknown option "rateLimits"; did you mean "rateLimit"?'],
    ['listen', { rateLimit: { bursts: 1 } }, 'listen: "rateLimit": unknown option "bursts"; did you mean "burst"?'],
    ['listen', { system: { pongs: false } }, 'listen: "system": unknown option "pongs"; did you mean "pong"?'],
    ['serve', { origins: ['https://example.com'] }, 'serve: unknown option "origins"'],
    ['serve', { codec: [] }, 'serve: unknown option "codec"; did you mean "codecs"?'],
    ['lmdbStore', { path: '', outboxTTL: 1 }, 'lmdbStore: unknown option "outboxTTL"; did you mean "outboxTtl"?'],
    ['serve', { completelyDifferent: 1 }, 'serve: unknown option "completelyDifferent"'],
  ])('is a TypeError at call time, with the nearest known name: %s(%j)', (name, options, message) => {
    expect(() => functions[name](options)).toThrow(new TypeError(message));
  });

  it.each(['listen', 'serve', 'hub'] as const)('is the only reason for that: %s takes all of its options', (name) => {
    expect(() => functions[name]({})).not.toThrow();
    expect(() =>
      functions[name](name === 'hub' ? { authorize: () => true } : { authenticate: () => undefined, maxDetached: 3, window: 8 }),
    ).not.toThrow();
  });
});
