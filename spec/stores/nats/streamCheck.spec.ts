import { asyncScheduler, NEVER, noop } from 'rxjs';
import type { ChannelHeads } from '../../../lib/stores/nats/channelHeads.js';
import { createChannelTails } from '../../../lib/stores/nats/channelTails.js';
import type { LogContext } from '../../../lib/stores/nats/logContext.js';
import { createStreamCheck } from '../../../lib/stores/nats/streamCheck.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';

it('a check ignores its answer when a later check has begun', async () => {
  const answers: ((epoch: string) => void)[] = [];
  const failures: unknown[] = [];
  const log = {
    ...{ checkInterval: 60_000, scheduler: asyncScheduler, reconnected$: NEVER, lost$: NEVER, maxAge: Infinity, maxTotalBytes: Infinity },
    connection: { isClosed: () => false },
    report: (error: unknown) => failures.push(error),
    stream: { info: () => Promise.resolve({ state: { last_seq: 1, messages: 1, bytes: 1 } }) },
    subjects: { of: (name: string) => name, liveOf: (name: string) => name },
    listen: () => ({ unsubscribe: noop }),
    epochs: {
      verify: () => new Promise((resolve) => void answers.push((answer) => resolve({ epoch: answer, since: 1, marker: 1, at: 0 }))),
    },
  };
  const tails = createChannelTails(log as unknown as LogContext, {} as ChannelHeads, noop);
  tails.observe('z000000001');
  const check = createStreamCheck(log as unknown as LogContext, tails);
  const checking = check.checks$.subscribe();
  await eventually(() => expect(answers).toHaveLength(1));
  check.checkAll();
  await eventually(() => expect(answers).toHaveLength(2));
  const first = record(tails.of('a'));
  answers[1]!('z000000002');
  expect(await first.ended).toMatchObject({ cause: { message: 'another epoch has begun' } });
  const next = record(tails.of('a'));
  answers[0]!('z000000001');
  await new Promise((resolve) => void setImmediate(resolve));
  expect([failures, next.isOver()]).toEqual([[], false]);
  checking.unsubscribe();
});
