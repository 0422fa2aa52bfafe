import { concat, NEVER, of, Subject } from 'rxjs';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import type { FetchRequest, FetchResponse } from '../../../lib/io/http/httpLinkOptions.js';
import { longPolling } from '../../../lib/io/longPolling.js';

/** A server that answers each POST, holds each GET, and is told of each DELETE. */
function fakeFetch(node: string | null = null) {
  const requests: FetchRequest[] = [];
  const empty: FetchResponse = { status: 204, headers: { get: (name) => (name === 'rxwire-node' ? node : null) }, body: null };
  const fetch = (_: string, request: FetchRequest): Promise<FetchResponse> => {
    requests.push(request);
    return request.method === 'GET' ? new Promise(() => undefined) : Promise.resolve(empty);
  };
  return { fetch, requests };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a link over requests', () => {
  it('gives each request a separate signal, and aborts open requests', async () => {
    const { fetch, requests } = fakeFetch();
    const outgoing$ = new Subject<string>();
    const subscription = longPolling('http://localhost/wire', { fetch })(outgoing$).subscribe();
    for (const frame of ['a', 'b', 'c']) {
      outgoing$.next(frame);
      await turn();
    }
    const signals = requests.map(({ signal }) => signal);
    expect(requests.map(({ method }) => method)).toEqual(expect.arrayContaining(['GET', 'POST']));
    expect(new Set(signals).size).toBe(requests.length);

    subscription.unsubscribe();
    await turn();
    expect(requests.filter(({ signal }) => signal.aborted).map(({ method }) => method)).toEqual(['GET']);
  });

  it('makes no extra request: the first frames are sent with the request that opens it', async () => {
    const { fetch, requests } = fakeFetch();
    const outgoing$ = new Subject<string>();
    const subscription = longPolling('http://localhost/wire', { fetch })(concat(of('a'), outgoing$)).subscribe();
    const posts = (): unknown => requests.filter(({ method }) => method === 'POST').map(({ body }) => body?.length);
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(posts()).toEqual([6]);
    outgoing$.next('bc');
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(posts()).toEqual([6, 7]);
    subscription.unsubscribe();
  });

  it.each([
    ['a-1', 'a-1'],
    [null, undefined],
    ['', undefined],
  ])('names the node %j of the first response in all later requests', async (node, sent) => {
    const { fetch, requests } = fakeFetch(node);
    const outgoing$ = new Subject<string>();
    const subscription = longPolling('http://localhost/wire', { fetch })(outgoing$).subscribe();
    for (const frame of ['a', 'b']) {
      outgoing$.next(frame);
      await turn();
    }
    outgoing$.complete();
    for (let turns = 0; turns < 5; turns++) await turn();
    const named = requests.map(({ method, headers }) => [method, headers['rxwire-node']]);
    expect(named[0]).toEqual(['POST', undefined]);
    expect(named.slice(1).sort()).toEqual([
      ['DELETE', sent],
      ['GET', sent],
      ['POST', sent],
    ]);
    // This server ends no GET, so the link would wait.
    subscription.unsubscribe();
  });

  it('closes with 1000 only, when it is unsubscribed while it closes normally', async () => {
    const { fetch, requests } = fakeFetch();
    const outgoing$ = new Subject<string>();
    const subscription = longPolling('http://localhost/wire', { fetch })(outgoing$).subscribe();
    outgoing$.next('a');
    for (let turns = 0; turns < 5; turns++) await turn();
    outgoing$.complete();
    subscription.unsubscribe();
    await turn();
    const codes = requests.filter(({ method }) => method === 'DELETE').map(({ headers }) => headers['rxwire-code']);
    expect([...new Set(codes)]).toEqual(['1000']);
  });

  it('cuts a reason between two characters', async () => {
    const { fetch, requests } = fakeFetch();
    const outgoing$ = new Subject<string>();
    const link = longPolling('http://localhost/wire', { fetch });
    link(outgoing$).subscribe({ error: () => undefined });
    outgoing$.next('a');
    await turn();
    outgoing$.error(new ConnectionLostError(4400, 'ü'.repeat(100)));
    await turn();
    const [goodbye] = requests.filter(({ method }) => method === 'DELETE');
    expect(decodeURIComponent(goodbye!.headers['rxwire-reason']!)).toBe('ü'.repeat(61));
  });

  it('lets requests outlive the page up to 64 KiB of all links: a browser fails those above', async () => {
    const requests: FetchRequest[] = [];
    const answers: (() => void)[] = [];
    const fetch = (_: string, request: FetchRequest): Promise<FetchResponse> => {
      requests.push(request);
      return new Promise((resolve) => answers.push(() => resolve({ status: 204, headers: { get: () => null }, body: null })));
    };
    const open = () => longPolling('http://localhost/wire', { fetch })(concat(of('a'.repeat(16_000)), NEVER)).subscribe();
    const links = Array.from({ length: 5 }, open);
    await turn();
    expect(requests.map(({ keepalive }) => keepalive)).toEqual([true, true, true, true, false]);
    for (const link of links) link.unsubscribe();
    const link = open();
    await turn();
    expect(requests.filter(({ method }) => method === 'POST').at(-1)?.keepalive).toBe(true);
    link.unsubscribe();
    // The requests outlive the links until the server answers them.
    while (answers.length > 0) {
      for (const answer of answers.splice(0)) answer();
      for (let turns = 0; turns < 5; turns++) await turn();
    }
  });
});
