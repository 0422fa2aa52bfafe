import { jest } from '@jest/globals';
import type * as ExitHook from '../../lib/message/exitHook.js';

let hook: typeof ExitHook;
let listeners: (() => void)[] = [];

beforeEach(async () => {
  listeners = [];
  jest.useFakeTimers();
  jest.resetModules();
  jest.spyOn(process, 'on').mockImplementation((_, listener) => (listeners.push(listener as () => void), process));
  jest.spyOn(process, 'off').mockImplementation((_, listener) => ((listeners = listeners.filter((one) => one !== listener)), process));
  hook = await import('../../lib/message/exitHook.js');
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

function wireOf(ids: readonly string[]) {
  const pending = new Map(ids.map((id) => [id, { id, type: 'row.added' }]));
  return { wire: { state: { endpoint: '' }, closed: false, isStopped: false, session: { pending } }, pending };
}

describe('the hook at the end of a process', () => {
  it('is one for all wires, from the first message until none is pending', () => {
    const one = wireOf(['a']);
    const other = wireOf(['b']);
    for (const { wire } of [one, other]) hook.watchExit(wire, undefined);
    expect(listeners).toHaveLength(0);
    for (const { wire } of [one, other, one]) hook.noteSending(wire);
    expect(listeners).toHaveLength(1);
    one.pending.clear();
    jest.advanceTimersByTime(30_000);
    expect(listeners).toHaveLength(1);
    other.pending.clear();
    jest.advanceTimersByTime(5_000);
    expect([listeners.length, jest.getTimerCount()]).toEqual([0, 0]);
    hook.noteSending(one.wire);
    expect(listeners).toHaveLength(1);
  });

  it('is removed behind the end of a wire whose outbox keeps messages', () => {
    const { wire } = wireOf(['a']);
    hook.watchExit(wire, undefined);
    hook.noteSending(wire);
    wire.closed = true;
    jest.advanceTimersByTime(5_000);
    expect(listeners).toHaveLength(0);
  });

  it('is not there for the wires of a server, and for wires of virtual time', () => {
    const { wire } = wireOf(['a']);
    hook.noteSending(wire);
    hook.watchExit(wire, {});
    hook.noteSending(wire);
    expect(listeners).toHaveLength(0);
  });
});
