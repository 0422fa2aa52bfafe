import { Subject } from 'rxjs';
import type { Frame, Link } from '../../../lib/io/link.js';
import { serve } from '../../../lib/server/serve.js';
import type { ClaimedInbox } from '../../../lib/stores/inbox.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { rawEnd } from '../../support/rawEnd.js';
import { record } from '../../support/record.js';
import { helloFrame } from '../../support/sessionFrames.js';
import { turns } from '../virtual.js';

/** A server whose inbox answers a claim, or fails, when it is told to. */
function start() {
  const claims: { readonly answer: () => void; readonly fail: (error: unknown) => void }[] = [];
  const store = fakeInbox();
  const claim: typeof store.claim = (pid, decide) =>
    new Promise((resolve, fail) => claims.push({ answer: () => resolve(store.claim(pid, decide) as ClaimedInbox), fail }));
  const links$ = new Subject<Link<Frame>>();
  const shutdown$ = new Subject<void>();
  const server = record(serve(links$, { inbox: { ...store, claim }, shutdown$ }));
  const dial = () => {
    const [end, link] = rawEnd();
    links$.next(link);
    end.send(helloFrame());
    return end;
  };
  const claimed = async (count: number) => {
    while (claims.length < count) await turns();
    await turns();
    return claims;
  };
  return { claimed, dial, shutdown$, stop: () => server.subscription.unsubscribe() };
}

describe('ServedSessions', () => {
  it('claim 128 clients at once, and another one when a claim is answered or fails', async () => {
    const { claimed, dial, stop } = start();
    const clients = Array.from({ length: 130 }, dial);
    const claims = await claimed(128);
    expect(claims).toHaveLength(128);
    claims[0]?.fail(new Error('broken'));
    await claimed(129);
    expect(claims).toHaveLength(129);
    claims[1]?.answer();
    await claimed(130);
    claims.slice(2).forEach(({ answer }) => answer());
    await Promise.all(clients.slice(1).map(({ frames }) => frames.take(1)));
    expect(await clients[0]?.code).toBe(1011);
    stop();
  });

  it('claim no client that leaves while it waits', async () => {
    const { claimed, dial, stop } = start();
    const clients = Array.from({ length: 130 }, dial);
    const claims = await claimed(128);
    clients[128]?.close();
    claims[0]?.answer();
    await claimed(129);
    claims[1]?.answer();
    await clients[1]?.frames.take(1);
    expect(claims).toHaveLength(129);
    claims[128]?.answer();
    await clients[129]?.frames.take(1);
    stop();
  });

  it('close the connections of the clients that wait, when the server stops', async () => {
    const { claimed, dial, shutdown$, stop } = start();
    const clients = Array.from({ length: 129 }, dial);
    const claims = await claimed(128);
    shutdown$.next();
    expect(await clients[128]?.code).toBe(1012);
    claims[0]?.answer();
    await turns();
    expect(claims).toHaveLength(128);
    stop();
  });
});
