import { VirtualTimeScheduler } from 'rxjs';
import { createConflictingLogs } from '../../../lib/stores/postgres/jobQueues.js';

describe('createConflictingLogs', () => {
  const at = (scheduler: VirtualTimeScheduler, time: number): void => void (scheduler.frame = time);

  it('restricts a sender for 30 s, also when another one was restricted later', () => {
    const scheduler = new VirtualTimeScheduler();
    const conflicting = createConflictingLogs(scheduler);
    conflicting.restrict([{ log: 'ann' }, { log: 'ben' }], 'serial');
    at(scheduler, 10_000);
    conflicting.restrict([{ log: 'ann' }], 'alone');
    at(scheduler, 29_999);
    expect(['ann', 'ben', 'cid'].map(conflicting.sharingOf)).toEqual(['alone', 'serial', 'shared']);
    at(scheduler, 30_000);
    expect(['ann', 'ben', 'cid'].map(conflicting.sharingOf)).toEqual(['alone', 'shared', 'shared']);
    at(scheduler, 40_000);
    expect(conflicting.sharingOf('ann')).toBe('shared');
  });

  it('forgets the oldest restrictions above 10,000', () => {
    const conflicting = createConflictingLogs(new VirtualTimeScheduler());
    const logs = Array.from({ length: 10_002 }, (_, index) => `sender ${index}`);
    for (const log of logs) conflicting.restrict([{ log }], 'serial');
    expect(logs.filter((log) => conflicting.sharingOf(log) === 'shared')).toEqual(['sender 0', 'sender 1']);
  });
});
