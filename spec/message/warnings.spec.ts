import { jest } from '@jest/globals';
import type * as Warnings from '../../lib/message/warnings.js';

let warnings: typeof Warnings;
const codes: string[] = [];

beforeEach(async () => {
  codes.length = 0;
  jest.useFakeTimers();
  jest.resetModules();
  jest
    .spyOn(process, 'emitWarning')
    .mockImplementation((_, options) => void codes.push((options as unknown as { readonly code: string }).code));
  warnings = await import('../../lib/message/warnings.js');
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('the warning of a reply that is not sent', () => {
  it('is printed once', () => {
    for (const id of ['r1', 'r2']) warnings.watchReply({ id });
    jest.advanceTimersByTime(6_000);
    expect(codes).toEqual(['WARN_REPLY_NOT_SENT']);
  });

  it('is not printed if an operator of the program has replaced or delayed the reply', () => {
    const reply = { id: 'r1', headers: {} };
    warnings.watchReply(reply);
    jest.advanceTimersByTime(2_000);
    warnings.noteSent({ ...reply, payload: null });
    jest.advanceTimersByTime(6_000);
    expect(codes).toEqual([]);
  });

  it('is not printed if the reply is sent in a batch', () => {
    warnings.watchReply({ id: 'r1' });
    warnings.noteSent({ id: 'b1', payload: { messages: [null, { id: 'r0' }, { id: 'r1' }] } });
    jest.advanceTimersByTime(6_000);
    expect(codes).toEqual([]);
  });
});

describe('the warning of a hub for each wire', () => {
  const wireOf = (id?: string) => ({ closed: false, isStopped: false, principal: id === undefined ? undefined : { id } });
  const serve = (wire: ReturnType<typeof wireOf>, isMade = true): void => {
    warnings.servingWire(wire);
    if (isMade) warnings.noteHub();
    warnings.servingWire();
  };

  it.each([
    [2, 'without a principal', undefined],
    [4, 'of one principal', 'ada'],
  ])('is printed when %s wires in a row %s have a hub', (wires, _, id) => {
    for (let wire = 1; wire < wires; wire++) serve(wireOf(id));
    serve(wireOf('ben'), false);
    expect(codes).toEqual([]);
    serve(wireOf(id));
    expect(codes).toEqual(['WARN_HUB_FOR_ONE_WIRE']);
  });

  it('is not printed for a principal with a hub for each of two groups, whatever its wires are', () => {
    for (const isMade of [true, true, false, true, true, false]) serve(wireOf('ada'), isMade);
    expect(codes).toEqual([]);
  });

  it('is not printed if wires share a hub that the program makes when it is needed', () => {
    warnings.noteHub();
    for (const isMade of [true, false, true, false, false, true]) serve(wireOf(), isMade);
    expect(codes).toEqual([]);
  });

  it('is not printed if the program makes a hub for each tenant', () => {
    for (const id of ['ada', 'ben', 'cleo']) serve(wireOf(id));
    for (const id of ['cleo', 'ben', 'ada']) serve(wireOf(id), false);
    expect(codes).toEqual([]);
  });

  it.each(['closed', 'isStopped'] as const)('is not printed if the earlier wire is over (%s): the program has removed its hub', (over) => {
    const wire = wireOf('ada');
    serve(wire);
    wire[over] = true;
    serve(wireOf('ada'));
    expect(codes).toEqual([]);
  });
});
