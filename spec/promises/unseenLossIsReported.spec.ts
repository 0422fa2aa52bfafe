import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { bundle } from '../chaos/bundle.js';

/** Runs a program to its end: its exit code, its output, and its warnings, but those of development, which have a code. */
function run(program: string): { readonly code: number | null; readonly said: string; readonly warnings: readonly string[] } {
  const file = bundle('spec/promises/silentProgram.ts');
  const { status, stdout, stderr }: SpawnSyncReturns<string> = spawnSync(process.execPath, [file, program], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  return { code: status, said: stdout.trim(), warnings: stderr.split('\n').filter((line) => /(?<!\] )RxwireWarning/.test(line)) };
}

describe('A failure that no part of the program sees is reported once, and the exit code is 1', () => {
  it.each([
    ['next, complete', '1000 messages were not delivered within 100 ms after the wire was completed'],
    ['send', /1000 messages were not delivered .*: the wire did not reconnect: attempt 2 was the last one/],
    ['next', /1000 messages were not delivered .*: the wire did not reconnect: attempt 2 was the last one/],
    ['send of a channel', /1000 messages were not delivered .*: the wire did not reconnect: attempt 2 was the last one/],
    ['next that the hub refuses', /1000 messages were not delivered .*: .*forbidden/],
    ['send that the hub refuses', /1000 messages were not delivered .*: the hub refused to let this client publish to the channel room.1/],
    ['send without a hub', /1 message was not delivered .*: this client cannot publish to the channel room.1: the server has no hub/],
    ['next without a hub', /1000 messages were not delivered .*/],
    ['send without an answer', /1 message was not delivered .*: the server did not answer a request of the channel room.1/],
    ['a token that is refused', 'the server rejected this client (4401)'],
    ['a source that fails', 'no row'],
    ['messages that cannot be encoded', /4 messages were not delivered .*: the codec json cannot encode/],
  ])('%s', (program, text) => {
    const { code, warnings } = run(program);
    expect(warnings).toEqual([typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text)]);
    expect(code).toBe(1);
  });

  it('one warning for each cause, with its type and the count: once while the wire is open, and once at its end', () => {
    const { code, said, warnings } = run('several causes, while the wire is open');
    expect([code, said]).toEqual([1, 'connected']);
    const told = (count: string, end: string, cause: string): unknown =>
      expect.stringMatching(new RegExp(`: ${count} not delivered${end} \\(.*: ${cause}`));
    const causes = [
      '.*\\(file.added\\): cannot carry .*: Uint8Array. The codec msgpack\\(\\) supports Uint8Array \\(see .*#err_encode\\)',
      '.*\\(index.added\\): cannot carry .*: Map. The codec msgpack\\(\\) supports Map',
      '.*\\(text.added\\) of 200.* bytes exceeds',
    ] as const;
    expect(warnings).toEqual([
      told('3 messages were', '', causes[0]),
      told('3 messages were', '', causes[1]),
      told('1 message was', '', causes[2]),
      told('2 messages were', ' before the wire ended', causes[0]),
      told('2 messages were', ' before the wire ended', causes[1]),
      told('1 message was', ' before the wire ended', causes[2]),
    ]);
  });

  it('ten causes, and all others as one', () => {
    const { warnings } = run('more causes than are told apart');
    const counts = warnings.map((line) => Number(/: (\d+) messages? w/.exec(line)?.[1]));
    expect(counts).toEqual([...Array.from({ length: 10 }, () => 2), 32]);
  });

  it('also if only rxwire itself is subscribed: for requests, replies and channels', () => {
    const { code, warnings } = run('next, with requests, replies and a channel');
    // The join of the channel and the request are messages as well.
    expect(warnings).toEqual([expect.stringMatching(/100\d messages were not delivered/)]);
    expect(code).toBe(1);
  });

  it('a join without an answer is a warning, and the exit code is 0', () => {
    const { code, warnings } = run('a join without an answer');
    expect(warnings).toEqual([expect.stringContaining('the server did not answer a request of the channel room.1 within 200 ms')]);
    expect(code).toBe(0);
  });

  it('and not if the program has set another exit code', () => {
    expect(run('exit code of its own')).toMatchObject({ code: 7, warnings: [expect.any(String)] });
  });
});

describe('A failure that the program sees, or wants, is not reported', () => {
  it.each([
    ['onUnhandledError of RxJS', 'seen ERR_UNDELIVERED'],
    ['await send', 'seen ERR_DROPPED'],
    ['await send of a channel', 'seen ERR_RECONNECT_GIVEN_UP'],
    ['all sends', 'seen ERR_DROPPED'],
    ['request', 'seen ERR_DROPPED'],
    ['await send of no message', 'seen ERR_INVALID_MESSAGE'],
    ['await send that the hub refuses', 'seen ERR_CHANNEL_REFUSED'],
    ['a refusal in errors$ of the channel', ''],
    ['next that the hub accepts', ''],
    ['sendAll', 'seen ERR_RECONNECT_GIVEN_UP'],
    ['error callback', 'seen ERR_DRAIN_TIMEOUT'],
    ['errors$', 'seen'],
    ['failures$', 'seen 1000'],
    ['receipts$', 'seen'],
    ['unsubscribe', ''],
    ['a policy that drops', ''],
  ])('%s', (program, said) => {
    expect(run(program)).toEqual({ code: 0, said, warnings: [] });
  });
});
