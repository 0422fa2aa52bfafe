import { Observable, of, throwError } from 'rxjs';
import { execute, newRun } from '../../docs/examples/console/client.js';
import type { SandboxEvent } from '../../docs/examples/console/sandbox.js';
import { createRuns } from '../../docs/examples/console/workspace/runs.js';
import { connect } from '../../lib/wire/connect.js';
import { hub } from '../../lib/server/hub/hub.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { ofType } from '../../lib/operators/ofType.js';
import { StoreError } from '../../lib/message/errors.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import type { Message } from '../../lib/message/types.js';
import { serve } from '../../lib/server/serve.js';
import { record } from '../support/record.js';

it('a run whose output cannot be kept ends for its readers, when there is room again', async () => {
  const kept = memoryChannelLog();
  let isFull = false;
  const append = (channel: string, message: Message) =>
    isFull ? throwError(() => new StoreError('lmdb', 'quota')) : kept.append(channel, message);
  const rooms = hub({ log: { ...kept, append } });
  const output = (data: string): SandboxEvent => ({ kind: 'output', data, stream: 'stdout' });
  const program$ = new Observable<SandboxEvent>((to) => {
    to.next(output('one'));
    setTimeout(() => {
      isFull = true;
      to.next(output('two'));
      setTimeout(() => (isFull = false), 100);
    }, 50);
  });
  const runs = createRuns(rooms, kept, () => program$);
  const [near, far] = memoryLink<Frame>();
  const serving = serve(of(far)).subscribe((served) => {
    rooms.serve(served);
    served.pipe(ofType('execution.start')).subscribe((start) => void runs.start(start));
  });
  const wire = connect({ link: near });
  const reader = record(execute(wire, 'any', newRun('shared')));
  expect(await reader.ended).toBe('complete');
  expect(reader.values).toMatchObject([
    { type: 'execution.output', payload: { data: 'one' } },
    { type: 'execution.error', payload: { error: { message: 'failed: the server could not keep the output' } } },
  ]);
  wire.unsubscribe();
  serving.unsubscribe();
  runs.close();
});
