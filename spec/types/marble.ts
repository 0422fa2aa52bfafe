import { map, merge, of, take, tap, throttleTime, withLatestFrom, type Observable } from 'rxjs';
import { createMessage } from '../../lib/index.js';
import { marble, runMarble, type MarbleRecording } from '../../lib/adapters/testing/index.js';

interface Receipt {
  readonly id: string;
}
const receipt: Receipt = { id: '1' };

marble('letters are strings, time is a number', { source: '-a-|', expected: '-a-|', time: { window: '----|' } }, (source, { window }) => {
  const letters: Observable<string> = source;
  return letters.pipe(throttleTime(window));
});

marble('values give the source their type', { source: '-a-b-|', expected: '-1-2-|', values: { a: { id: 1 }, b: { id: 2 } } }, (source) => {
  const ids: Observable<{ id: number }> = source;
  // @ts-expect-error a value of the source is no string
  const letters: Observable<string> = source;
  return merge(letters, ids);
});

marble(
  'a value that is only expected is not the source’s',
  { source: '-a-|', expected: '-r-|', values: { a: 1, r: receipt } },
  (source) => {
    const numbers: Observable<number> = source;
    return numbers.pipe(map(() => receipt));
  },
);

marble('a letter without a value is a string', { source: '-a-b 10ms |', expected: '-a-b 10ms |', values: { a: 1 } }, (source) => {
  const mixed: Observable<number | string> = source;
  // @ts-expect-error b is a string
  const numbers: Observable<number> = source;
  return merge(numbers, mixed);
});

marble(
  'inputs are Observables, outputs are functions',
  { source: '-a-|', expected: '-r-|', values: { a: 1, r: receipt }, inputs: { acks: 'r' }, outputs: { sent: '-a' }, time: { wait: '-|' } },
  (source, { acks, sent, wait }) => {
    const receipts: Observable<Receipt> = acks;
    const ms: number = wait;
    return source.pipe(
      tap(sent),
      withLatestFrom(receipts.pipe(take(ms))),
      map(([, latest]) => latest),
    );
  },
);

marble('names are checked', { source: '-a-|', expected: '-a-|', time: { wait: '-|' } }, (source, context) => {
  // @ts-expect-error "window" is not among the times
  const ms: unknown = context.window;
  return merge(source, of(ms));
});
// @ts-expect-error a spec must expect something
marble('expected is required', { source: '-a-|' }, (source) => source);
// @ts-expect-error a pipeline returns an Observable
marble('a pipeline is no subscription', { source: '-a-|', expected: '-a-|' }, () => 'a');

export const recording: MarbleRecording = runMarble({ source: '-a-|', expected: '-a-|' }, (source) => source);

marble(
  'the letters of a time are no values',
  { source: '-a 10ms |', expected: '-a 10ms |', values: { a: 1, m: 'm', s: 's' } },
  (source) => {
    const numbers: Observable<number> = source;
    return numbers;
  },
);

marble('a time needs a space behind it', { source: '-a 10ms', expected: '-a 10ms', values: { a: 1 } }, (source) => {
  // @ts-expect-error without the space, 1, 0, m and s are letters
  const numbers: Observable<number> = source;
  return numbers;
});

marble('a wire is there when it is named', { source: '-a-|', expected: '-a-|' }, (source, { wire, connection }) => {
  const { received } = connection.server;
  return source.pipe(tap(() => wire.next(received[0] ?? createMessage('said', 1))));
});
