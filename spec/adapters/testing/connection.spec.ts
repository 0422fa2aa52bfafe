import { concatMap, map, merge, NEVER, of, Subject, tap } from 'rxjs';
import { createMessage, reply, request, type Message } from '../../../lib/index.js';
import { collectMarbles, marble, runMarble } from '../../../lib/adapters/testing/index.js';
import { failureOf } from '../../support/failureOf.js';

const values = Object.fromEntries(
  Array.from('abcde', (letter) => [letter, createMessage<string, unknown>('said', letter, { id: letter })]),
);
const text = map(({ payload }: Message) => payload);

describe('connections in marbles', () => {
  marble(
    'carry values before, during and after a cut',
    {
      source: '  -a---b-----c-',
      link: '    ^--x----o----',
      server: '  --x---y------',
      received: '-a------b--c-',
      expected: '--x-----y----',
      values: { a: values['a'], b: values['b'], c: values['c'] },
    },
    (source, { wire }) => {
      source.subscribe((message) => wire.next(message as Message));
      return wire.pipe(text);
    },
  );

  marble(
    'begin with a cut when the first letter opens the network',
    { source: 'ab', link: '---o', received: '---(ab)', expected: '-', values },
    (source, { wire }) => {
      source.subscribe(wire);
      return NEVER;
    },
  );

  marble(
    'delay frames: the handshake takes a round trip, a message one way',
    { source: '-a--------b', lag: '--|', received: '------a-----b', expected: '-', values },
    (source, { wire }) => {
      source.subscribe(wire);
      return NEVER;
    },
  );

  marble(
    'lose frames in a black hole, until the connection is lost',
    { source: '-a--b-----', link: '   ^--b---(od)', received: '-a 15ms b', expected: '-', values },
    (source, { wire }) => {
      source.subscribe(wire);
      return NEVER;
    },
  );

  marble(
    'crash the server, which then has no state',
    {
      source: '  -a',
      link: '    ^--c',
      expected: '-x 11ms y',
      values,
      operator: 'the effects of a server without an inbox',
    },
    (source, { wire, connection }) => {
      source.subscribe(wire);
      const effects = new Subject<string>();
      let count = 0;
      connection.server.received$.subscribe(() => effects.next('xy'.charAt(count++)));
      return effects;
    },
  );

  it('end by themselves, with and without "unsub"', () => {
    const spec = { source: '-a', expected: '-a', values } as const;
    runMarble(spec, (source, { wire }) => {
      wire.subscribe();
      return source;
    });
    runMarble({ ...spec, unsub: '---!' }, (source, { wire }) => merge(source, wire));
  });

  it('answer requests as the application does', () => {
    runMarble(
      { source: '-a', expected: '-x', values: { a: 20, x: 40 }, wire: { serve: (wire) => wire.pipe(reply({ double: ({ payload }) => of(Number(payload) * 2) })).subscribe(wire) } }, // prettier-ignore
      (source, { wire }) => source.pipe(concatMap((value) => request(wire, createMessage('double', value)))),
    );
  });

  it('fail for messages that the server has not received', () => {
    const spec = { source: '-a', received: '-b', expected: '-', values } as const;
    const send = () => runMarble(spec, (source, { wire }) => source.pipe(tap((message) => wire.next(message)), () => NEVER)); // prettier-ignore
    expect(failureOf(send)).toContain('received, at 1 ms: expected next');
  });

  it('refuse a letter that is no fault', () => {
    expect(failureOf(() => runMarble({ source: '-', expected: '-', link: '--q' }, () => NEVER))).toBe(
      '"link" may contain o, x, b, c and d, got q',
    );
  });

  it('refuse a name that is the wire’s', () => {
    expect(failureOf(() => runMarble({ source: '-', expected: '-', inputs: { wire: 'a' } }, () => NEVER))).toContain(
      '"wire" is used more than once',
    );
  });

  it('are drawn: the network, the messages that the server sends, and those that it receives', async () => {
    const [diagram] = await collectMarbles(() => {
      const spec = { source: '-a', link: '^--x-o', server: '--y', received: '-a', expected: '--y', values: { a: values['a'] } } as const;
      marble('drawn', spec, (source, { wire }) => {
        source.subscribe((message) => wire.next(message as Message));
        return wire.pipe(text);
      });
      return Promise.resolve();
    });
    expect(diagram?.lines.map(({ role, name }) => `${role} ${name}`)).toEqual(['source source', 'input link', 'input server', 'output received', 'result result']); // prettier-ignore
  });
});
