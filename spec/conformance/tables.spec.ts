import { isReconnectable } from '../../lib/message/closeCode.js';
import { clientStage } from './runner/clientStage.js';
import { play, type Stage } from './runner/play.js';
import { load, type Item, type Role, type Script, type Step } from './runner/script.js';
import { dialWebSocket, serverStage } from './runner/serverStage.js';

/** What a sender does after a handshake. */
interface Resuming extends Item {
  readonly delivery: 'at-least-once' | 'exactly-once';
  readonly sent: readonly string[];
  readonly acked: number;
  readonly unsent: readonly string[];
  readonly known: boolean;
  readonly rx: number;
  readonly top?: number;
  readonly then: {
    readonly inDoubt?: readonly string[];
    readonly heldUntil?: number;
    readonly skips?: readonly number[];
    readonly sends?: readonly [first: number, ...ids: readonly string[]];
  };
}

interface TokenCase {
  readonly name: string;
  readonly hellos: readonly {
    /** The welcome whose ticket it shows, from 1 on; 0: none. */
    readonly shows: number | 'other';
    readonly confirms?: boolean;
    readonly known?: boolean;
    readonly resumed?: boolean;
    readonly close?: number;
  }[];
}

interface CodeRow {
  readonly code: number;
  readonly travels: boolean;
  readonly reconnect: boolean;
  readonly endsSession: boolean;
}

async function run(given: Script['given'], steps: readonly Step[], role: Role): Promise<void> {
  const script: Script = { name: '', section: '', level: 'must', steps, ...(given && { given }) };
  const isWatching = steps.some((step) => 'appTold' in step);
  const open = (): Promise<Stage> =>
    role === 'server' ? serverStage(given ?? {}, isWatching, dialWebSocket) : clientStage(given ?? {}, isWatching);
  const stage = await open();
  try {
    await play(script, {}, stage, role);
  } finally {
    await stage.close();
  }
}

const all = (ids: readonly string[], outcome: string): Step[] =>
  ids.length > 0 ? [{ appTold: Object.fromEntries(ids.map((id) => [id, outcome])) }] : [];

describe('resuming.json', () => {
  const rows = load<readonly Resuming[]>('resuming.json');

  const before = ({ sent, acked }: Resuming): Step[] => [
    { use: 'start' },
    ...sent.flatMap((id, index) => [{ appSends: [id] }, { expectMessages: { first: index + 1, ids: [id] } }]),
    ...(acked > 0 ? [{ send: ['ack', acked, 1_024] }, ...all(sent.slice(0, acked), 'acked')] : []),
    { cut: true },
  ];
  // During the next handshake: before that, an implementation may not have detected the cut, and sends over the old connection.
  const during = ({ unsent }: Resuming): Step[] => (unsent.length > 0 ? [{ appSends: unsent }] : []);
  const after = ({ then: { inDoubt = [], heldUntil, skips, sends } }: Resuming): Step[] => [
    ...(heldUntil === undefined ? [] : [{ quiet: 20 }, { send: ['ack', heldUntil, 1_024] }]),
    ...(skips ? [{ expect: ['skip', skips] }] : []),
    ...(sends ? [{ expectMessages: { first: sends[0], ids: sends.slice(1) } }] : []),
    { quiet: 20 },
    ...all(inDoubt, 'in-doubt'),
  ];

  it.each(rows.map((row) => [row.name, row] as const))('is what connect does: %s', (_, row) => {
    const { known, rx, top = null } = row;
    const welcome: Step[] = [
      { accept: 'c2' },
      { expect: ['hello', { n: '$n2' }] },
      ...during(row),
      { send: ['welcome', { '...': 'welcomeBack', known, resumed: known, sid: known ? '$sid' : '$sid2', rx, top }] },
    ];
    return run({ delivery: row.delivery }, [...before(row), ...welcome, ...after(row)], 'client');
  });

  it.each(rows.map((row) => [row.name, row] as const))('is what listen does: %s', (_, row) => {
    const { known, rx, top = null } = row;
    const hello: Step[] = [
      { open: 'c2' },
      { send: ['hello', { '...': 'return', rx: known ? rx : null, top }] },
      { expect: ['welcome', { known: true, resumed: known }] },
      ...during(row),
      { send: ['ack', 0, 1_024] },
    ];
    return run({ delivery: row.delivery }, [...before(row), ...hello, ...after(row)], 'server');
  });
});

describe('tokens.json is what listen does', () => {
  it.each(load<readonly TokenCase[]>('tokens.json').map((row) => [row.name, row.hellos] as const))('%s', (_, hellos) => {
    const steps = hellos.flatMap(({ shows, confirms, known, resumed, close }, index): Step[] => {
      const n = index + 1;
      const ticket = shows === 0 ? {} : { sid: '$sid', rt: shows === 'other' ? '$guessed' : `$rt${shows}`, rx: 0 };
      const hello = [{ open: `c${n}` }, { send: ['hello', { '...': 'hello', n, ...ticket }] }];
      if (close !== undefined) return [...hello, { expectClose: close }];
      const sid = resumed ? '$sid' : `$sid${n}`;
      const welcome = { expect: ['welcome', { n, known, resumed, sid, rt: `$rt${n}` }] };
      const bind = resumed ? [] : [{ set: { sid } }];
      return [...hello, welcome, ...bind, ...(confirms ? [{ send: ['ack', 0, 1_024] }, { expectAck: 0 }] : [])];
    });
    return run({}, steps, 'server');
  });
});

describe('closeCodes.json', () => {
  const rows = load<readonly CodeRow[]>('closeCodes.json');
  const travelling = rows.filter(({ travels }) => travels).map((row) => [row.code, row] as const);

  it('is what isReconnectable says', () => {
    expect(rows.map(({ code }) => [code, isReconnectable(code)])).toEqual(rows.map(({ code, reconnect }) => [code, reconnect]));
  });

  it.each(travelling)('is what connect does after %i', (code, { reconnect }) => {
    const back = [{ accept: 's2' }, { expect: ['hello', { n: '$n2', sid: '$sid', rt: '$rt' }] }];
    return run({}, [{ use: 'start' }, { close: code }, ...(reconnect ? back : [{ appEnds: true }, { expectNoConnection: 20 }])], 'client');
  });

  it.each(travelling)('is what listen does after %i', (code, { endsSession }) => {
    const back = [{ open: 'c2' }, { send: ['hello', { '...': 'return' }] }, { expect: ['welcome', { known: !endsSession }] }];
    return run({}, [{ use: 'start' }, { close: code }, ...back], 'server');
  });
});
