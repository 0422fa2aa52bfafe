import type { Entry, Note } from './journal.js';
import { reconcile } from './reconcile.js';

/** What was noted of some messages. */
const noted = (note: Note, ...names: readonly string[]): readonly Entry[] => names.map((name) => ({ note, name, at: 0 }));
const found = (journal: readonly Entry[], ...effects: readonly string[]) =>
  reconcile(journal, effects).breaches.map(({ level, what, names }) => [level, what, ...names]);

describe('reconcile', () => {
  it('is content with one effect for each message, in order', () => {
    const names = ['1.e.1', '1.l.1', '1.m.1', '1.e.2', '2.e.1'];
    const { tallies, breaches } = reconcile([...noted('offered', ...names), ...noted('acked', '1.e.1', '1.l.1')], names);
    expect(breaches).toEqual([]);
    expect(tallies['exactly-once']).toEqual({ messages: 3, acked: 1, effects: 3, lost: 0, doubled: 0, reordered: 0 });
  });

  it.each<Note>(['sent', 'acked', 'dead', 'expired'])('misses a message that was noted as %s', (note) => {
    expect(found([...noted('offered', '1.e.1', '1.l.1'), ...noted(note, '1.e.1', '1.l.1')])).toEqual([
      ['at-least-once', 'lost', '1.l.1'],
      ['exactly-once', 'lost', '1.e.1'],
    ]);
  });

  it('reports a missing message before one with an effect, not after it: the outbox may never have stored the later one', () => {
    expect(found(noted('offered', '1.e.1', '1.e.2', '1.e.3'), '1.e.2')).toEqual([['exactly-once', 'lost', '1.e.1']]);
  });

  it('finds a second effect, which at-least-once may have', () => {
    expect(found(noted('offered', '1.e.1', '1.l.1', '1.m.1'), '1.e.1', '1.l.1', '1.m.1', '1.m.1', '1.l.1', '1.e.1')).toEqual([
      ['at-most-once', 'doubled', '1.m.1'],
      ['exactly-once', 'doubled', '1.e.1'],
    ]);
  });

  it('finds a message that overtook another one of the same process or an earlier one', () => {
    const names = ['1.e.1', '1.e.2', '1.e.3', '2.e.1'];
    expect(found(noted('offered', ...names), '1.e.1', '1.e.3', '1.e.2', '2.e.1')).toEqual([['exactly-once', 'reordered', '1.e.2']]);
    expect(found(noted('offered', ...names), '1.e.1', '1.e.2', '2.e.1', '1.e.3')).toEqual([['exactly-once', 'reordered', '1.e.3']]);
  });

  it('finds effects of messages that were never sent', () => {
    expect(found([], '1.m.1')).toEqual([['at-most-once', 'invented', '1.m.1']]);
  });

  it('allows the loss of at-most-once messages, and counts it', () => {
    const { tallies, breaches } = reconcile([...noted('offered', '1.m.1'), ...noted('sent', '1.m.1')], []);
    expect([breaches, tallies['at-most-once'].lost]).toEqual([[], 1]);
  });
});
