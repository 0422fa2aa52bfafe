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
    warnings.noteSent({ ...reply });
    jest.advanceTimersByTime(6_000);
    expect(codes).toEqual([]);
  });
});
