import { defer, filter, firstValueFrom, map, merge, mergeMap, of, Subject, timer, type Unsubscribable } from 'rxjs';
import { ConnectionLostError } from '../../lib/message/errors.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { serve, type ServeOptions } from '../../lib/server/serve.js';
import { connect } from '../../lib/wire/connect.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { record } from '../support/record.js';

const lost = (): never => {
  throw new ConnectionLostError(1006, 'lost');
};

const open: Unsubscribable[] = [];

/** A server, and a client some of whose connections are lost when the welcome has come: nothing but the hello was sent over them. */
function meet(isDoomed: (connection: number) => boolean, options: ServeOptions = {}) {
  const links$ = new Subject<Link<Frame>>();
  let opened = 0;
  const dial: Link<Frame> = (outgoing) =>
    defer(() => {
      const [near, far] = memoryLink<Frame>();
      links$.next(far);
      if (!isDoomed(opened++)) return near(outgoing);
      return near(outgoing.pipe(filter((_, index) => index === 0))).pipe(mergeMap((frame) => merge(of(frame), timer(0).pipe(map(lost)))));
    });
  const start = () => record(serve(links$, options));
  const server = start();
  const wire = connect({ link: dial, reconnect: { initialInterval: 1, maxInterval: 1 } });
  open.push(wire, server.subscription);
  const errors = record(wire.errors$);
  return { wire, server, start, errors: () => errors.values.map(({ code }) => code), opened: () => opened };
}

describe('a connection that is lost between the welcome and the first frame of the client', () => {
  afterEach(() => open.splice(0).forEach((one) => one.unsubscribe()));

  it('loses nothing of a new session, and reports no loss', async () => {
    const { wire, server, errors, opened } = meet((connection) => connection < 3);
    const [there] = await server.take(1);
    there!.next(createMessage('test.any', 'from the server'));
    const messages = record(wire);
    expect((await messages.take(1)).map(({ payload }) => payload)).toEqual(['from the server']);
    expect([errors(), opened(), server.values.length]).toEqual([
      ['ERR_CONNECTION_LOST', 'ERR_CONNECTION_LOST', 'ERR_CONNECTION_LOST'],
      4,
      1,
    ]);
  });

  it('loses nothing of it either when the server is restarted with its inbox, which stores nothing of a client that has not confirmed', async () => {
    const options = { inbox: fakeInbox() };
    const { wire, server, start, errors, opened } = meet((connection) => connection === 0, options);
    await firstValueFrom(wire.errors$);
    server.subscription.unsubscribe();
    const again = start();
    const sent = wire.send(createMessage('test.any', 'from the client'));
    const messages = record(wire);
    const [there] = await again.take(1);
    there!.next(createMessage('test.any', 'from the next'));
    expect((await record(there!).take(1)).map(({ payload }) => payload)).toEqual(['from the client']);
    await Promise.all([sent, messages.take(1)]);
    expect([server.values, opened() >= 2]).toEqual([[], true]);
    // No server has acked anything: the client knows that the session had not begun.
    expect(new Set(errors())).toEqual(new Set(['ERR_CONNECTION_LOST']));
    again.subscription.unsubscribe();
  });

  it('is reported when the server had begun to send, and has forgotten the session', async () => {
    const { wire, server, start, errors } = meet(() => false);
    const messages = record(wire);
    (await server.take(1))[0]!.next(createMessage('test.any', 1));
    await messages.take(1);
    server.subscription.unsubscribe();
    const again = start();
    (await again.take(1))[0]!.next(createMessage('test.any', 2));
    await messages.take(2);
    expect(errors()).toEqual(['ERR_CONNECTION_LOST', 'ERR_SESSION_LOST']);
    again.subscription.unsubscribe();
  });
});
