import { concat, endWith, ignoreElements, map, merge, NEVER, of, share } from 'rxjs';
import type { Frame, Link } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import { serve } from '../../../lib/server/serve.js';
import { connect } from '../../../lib/wire/connect.js';
import { record } from '../../support/record.js';

describe('the end of a client session', () => {
  it.each([1_012, 1_006, 4_401])('completes when the server fails with %i instead of closing, and all messages are acked', async (code) => {
    const [near, far] = memoryLink<Frame>();
    const server = serve(of(far)).subscribe((wire) => wire.subscribe());
    let opened = 0;
    const link: Link<Frame> = (outgoing) => {
      opened++;
      const frames$ = outgoing.pipe(share());
      const failed$ = frames$.pipe(
        ignoreElements(),
        endWith(0),
        map((): never => {
          throw new ConnectionLostError(code, 'stopped');
        }),
      );
      return merge(near(concat(frames$, NEVER)), failed$);
    };
    const wire = connect({ link, reconnect: { initialInterval: 1, maxRetries: 1 } });
    const errors = record(wire.errors$);
    const { ended } = record(wire);
    await wire.send(createMessage('a', null));
    wire.complete();
    expect(await ended).toBe('complete');
    server.unsubscribe();
    expect([opened, errors.values]).toEqual([1, []]);
  });
});
