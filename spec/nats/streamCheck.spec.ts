import { asyncScheduler, NEVER } from 'rxjs';
import type { ChannelTails } from '../../lib/nats/channelTails.js';
import type { LogContext } from '../../lib/nats/logContext.js';
import { createStreamCheck } from '../../lib/nats/streamCheck.js';
import { createTailEpoch } from '../../lib/nats/tailEpoch.js';
import { eventually } from '../support/eventually.js';

it('a check ignores its answer when a later check has begun', async () => {
  const answers: ((epoch: string) => void)[] = [];
  const failures: unknown[] = [];
  const epoch = createTailEpoch(() => undefined);
  epoch.of({ epoch: 'epoch-0001' });
  const log = {
    ...{ checkInterval: 60_000, scheduler: asyncScheduler, reconnected$: NEVER, lost$: NEVER, maxAge: Infinity, maxTotalBytes: Infinity },
    connection: { isClosed: () => false },
    report: (error: unknown) => failures.push(error),
    stream: { info: () => Promise.resolve({ state: { last_seq: 1, messages: 1, bytes: 1 } }) },
    epochs: {
      verify: () => new Promise((resolve) => void answers.push((answer) => resolve({ epoch: answer, since: 1, marker: 1, at: 0 }))),
    },
  };
  const tails = { epoch, all: () => [], fail: (reason: unknown) => failures.push(reason) };
  const check = createStreamCheck(log as unknown as LogContext, tails as unknown as ChannelTails);
  const checking = check.checks$.subscribe();
  await eventually(() => expect(answers).toHaveLength(1));
  check.suspect();
  await eventually(() => expect(answers).toHaveLength(2));
  answers[1]!('epoch-0002');
  await eventually(() => expect(failures).toEqual(['another epoch has begun']));
  answers[0]!('epoch-0001');
  await new Promise((resolve) => void setImmediate(resolve));
  expect([failures.length, epoch.of({ epoch: 'epoch-0002' })]).toEqual([1, 'epoch-0002']);
  checking.unsubscribe();
});
