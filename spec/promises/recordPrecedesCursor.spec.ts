import { mergeMap, of, throwError, timer } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import { consume } from '../../lib/operators/consume/consume.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import { fakeInbox, type Write } from '../support/fakeInbox.js';
import { pair } from '../support/sessionPair.js';

describe('the record of a new client', () => {
  it('is stored before its cursor: a cursor without a record would apply to a later session, and any client could claim it', async () => {
    const inbox = fakeInbox();
    const order: string[] = [];
    let isBroken = true;
    const slow: Inbox<Write> = {
      ...inbox,
      commit(...args) {
        order.push('commit');
        return inbox.commit(...args);
      },
      remember: (lease, session) =>
        timer(20).pipe(
          mergeMap(() => {
            order.push(isBroken ? 'remember fails' : 'remember');
            if (isBroken) return throwError(() => new Error('EIO'));
            void inbox.remember(lease, session);
            return of(undefined);
          }),
        ),
    };
    const { wire, close } = pair({
      server: { inbox: slow, onRefused: () => undefined },
      onServerWire: (served) => {
        served.errors$.subscribe(() => (isBroken = false));
        served.pipe(consume(() => undefined, { effect: (write: Write, { id }) => write(id) })).subscribe();
      },
    });
    await wire.send(createMessage('test.row', null, { id: 'a' }));
    expect(order).toEqual(['remember fails', 'remember', 'commit']);
    expect(inbox.written).toEqual(['a']);
    close();
  });
});
