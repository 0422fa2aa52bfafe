import { delay, map, tap } from 'rxjs';
import { marble, runMarble } from '../../lib/testing/index.js';

marble('delays', { source: '-a-b-|', expected: '---a-(b|)', time: { lag: '--|' }, subs: '^----!' }, (source, { lag }) =>
  source.pipe(
    delay(lag),
    map((letter) => letter),
  ),
);

describe('runMarble', () => {
  it('draws what differs on one axis of time', () => {
    const wrong = () =>
      runMarble({ source: '-a-b|', expected: '-a--b|', outputs: { sent: '-a-b' } }, (source, { sent }) => source.pipe(tap(sent)));
    expect(wrong).toThrow('result expected  -a--b|');
  });
});
