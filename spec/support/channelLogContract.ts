import { readFileSync } from 'node:fs';
import { CHANNEL_LOG_CASES, type ChannelLogPromise, type OpenPlace } from './channelLogCases.js';

export interface ChannelLogUnderTest {
  /** The name of the log, as in the head of the table of `docs/own-stores.md`. */
  readonly name: string;
  readonly open: OpenPlace;
  /** The promises that the log does not keep. Each of their cases must fail. */
  readonly lacks?: readonly ChannelLogPromise[];
}

/**
 * What every log promises. A log that cannot keep a promise says so by name. The cases of that
 * promise must fail then: a log that says that it lacks what it has is wrong, too.
 */
export function channelLogContract({ name, open, lacks = [] }: ChannelLogUnderTest): void {
  const promises = Object.entries(CHANNEL_LOG_CASES) as [ChannelLogPromise, (typeof CHANNEL_LOG_CASES)[ChannelLogPromise]][];
  for (const [promise, cases] of promises) {
    const isLacking = lacks.includes(promise);
    describe(isLacking ? `lacks: ${promise}` : promise, () => {
      for (const [title, check] of Object.entries(cases)) (isLacking ? it.failing : it)(title, () => check(open), 20_000);
    });
  }

  it('keeps the promises that the documentation says', () => {
    const [head = [], , ...rows] = tableBelow('### What each log promises');
    const column = head.indexOf(`\`${name}\``);
    const documented = rows.map((row) => [row[0], row[column]]);
    expect(documented).toEqual(promises.map(([promise]) => [promise, lacks.includes(promise) ? 'no' : 'yes']));
  });
}

/** The cells of the first table below a heading. */
function tableBelow(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = readFileSync('docs/own-stores.md', 'utf8').split(`${heading}\n`);
  const table = /(?:^\|.*\n)+/m.exec(section)?.[0] ?? '';
  return table
    .trim()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
