import { jest } from '@jest/globals';
import { of } from 'rxjs';
import type * as Module from '../../lib/message/noteUnselected.js';

const subscriber = {};

describe('noteUnselected', () => {
  let module: typeof Module;
  const texts: string[] = [];

  beforeEach(async () => {
    texts.length = 0;
    jest.useFakeTimers();
    jest.resetModules();
    jest.spyOn(process, 'emitWarning').mockImplementation((text) => void texts.push(String(text)));
    module = await import('../../lib/message/noteUnselected.js');
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  /** Messages of these types arrive at a server with a subscriber that selects others. */
  function receive(selected: readonly string[], ...types: readonly string[]): void {
    receiveUntil(() => undefined, selected, types);
  }
  /** @param end Ends the wire before the warning. */
  function receiveUntil(end: (wire: { observers: object[] | null }) => void, selected: readonly string[], types: readonly string[]): void {
    const typesOf = { patterns$: of(selected), has: (type: string) => selected.includes(type) };
    const subscribers = {
      types: new Map([[subscriber, typesOf]]),
      wire: { observers: [subscriber] as object[] | null, onHandlerFailure: (): void => undefined },
    };
    module.noteSelected(typesOf);
    for (const type of types) module.noteUnselected({ type }, [subscriber], subscribers, { current: undefined }, () => false);
    end(subscribers.wire);
    jest.advanceTimersByTime(5_000);
  }
  const numbered = (count: number, text: string): readonly string[] => Array.from({ length: count }, (_, index) => text + String(index));

  it('warns of 100 types, of which it prints 100 characters, and none that a terminal acts on', () => {
    receive(numbered(12, 'y'.repeat(250)), ...numbered(110, `a\u202e${'x'.repeat(246)}`));
    expect(texts).toHaveLength(100);
    for (const text of texts)
      expect(text).toMatch(/^a message of type "a\\u202ex{98}…" has arrived, .*: the nearest that one selects is "y{100}…" \(see \S+\)$/);
  });

  it('does not warn of a wire that was unsubscribed, which has no observers', () => {
    receiveUntil((wire) => (wire.observers = null), ['order'], ['news']);
    expect(texts).toEqual([]);
  });

  it('does not warn if subscribers have selected 1,000 types: it does not know the others', () => {
    receive(numbered(1_000, 'order.'), 'news');
    expect(texts).toEqual([]);
  });
});
