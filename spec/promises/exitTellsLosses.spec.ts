import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../chaos/bundle.js';

const folder = mkdtempSync(join(tmpdir(), 'rxwire-exit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program to its end: its exit code, and its warnings. */
function run(program: string): { readonly code: number | null; readonly warnings: readonly string[] } {
  const file = bundle('spec/promises/exitingProgram.ts');
  const { status, stderr } = spawnSync(process.execPath, [file, program, join(folder, program.replaceAll(/\W/g, ''))], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { code: status, warnings: stderr.split('\n').filter((line) => line.includes('RxwireWarning')) };
}

const at = (text: string): unknown => expect.stringContaining(`RxwireWarning: the process ends, and ${text}`);

describe('A process that ends before the acks of its messages says how many of which wire', () => {
  it.each<[program: string, code: number, ...warnings: string[]]>([
    ['next, exit(0)', 1, '10000 messages of the wire to ws://127.0.0.1:1/wire may be lost, without an ack: row0, row1, row2, …'],
    ['next, exit() later', 1, '10000 messages of the wire to ws://127.0.0.1:1/wire may be lost'],
    ['send, exit(0)', 1, '1 message of the wire to ws://127.0.0.1:1/wire may be lost, without an ack: row0 (see '],
    ['complete, exit(0)', 1, '3 messages of the wire to ws://127.0.0.1:1/wire may be lost, without an ack: row0, row1, row2 (see '],
    ['exit(7)', 7, '1 message of the wire to'],
    ['an uncaught exception', 1, '2 messages of the wire to'],
    ['two wires', 1, '2 messages of the wire to ws://127.0.0.1:1/wire', '3 messages of the wire to ws://127.0.0.1:2/wire'],
    [
      'a durable outbox that has stored two of three',
      1,
      '1 message of the wire to ws://127.0.0.1:1/wire may be lost, without an ack: row2 ',
    ],
  ])('%s', (program, code, ...warnings) => {
    expect(run(program)).toEqual({ code, warnings: warnings.map(at) });
  });

  it('names ten wires, and counts the others', () => {
    const { warnings } = run('fifteen wires');
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toContain('10 messages of 5 other wires may be lost');
  });

  it.each([
    'a durable outbox that has stored all',
    'all are acked',
    'the wire of a server',
    'messages of rxwire only',
    'a wire of tests, and one of a rendered page',
  ])('and nothing is said about %s', (program) => {
    expect(run(program)).toEqual({ code: 0, warnings: [] });
  });
});

describe('A wire that gives up messages says how many', () => {
  it('once, when the program unsubscribes it', () => {
    const text = 'unsubscribe() of the wire to ws://127.0.0.1:1/wire has given up 10000 messages without an ack: row0, row1, row2, …';
    expect(run('unsubscribe')).toEqual({ code: 0, warnings: [expect.stringContaining(text)] });
  });

  it.each(['unsubscribe, with failures$', 'unsubscribe, with a send that is awaited'])('not if the program receives it: %s', (program) => {
    expect(run(program)).toEqual({ code: 0, warnings: [] });
  });

  it('when the program ends it with an error', () => {
    const text = /10000 messages were not delivered .*: the program gives up/;
    expect(run('error')).toEqual({ code: 1, warnings: [expect.stringMatching(text)] });
  });
});
