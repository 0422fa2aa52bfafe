import { Subject, VirtualTimeScheduler } from 'rxjs';
import { withBatchedRequests } from '../../../lib/stores/nats/batchedRequests.js';
import type { NatsConnection, NatsMessage } from '../../../lib/stores/nats/natsContext.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const reasonOf = (failing: Promise<unknown>): Promise<string> =>
  failing.then(
    () => 'it passed',
    (error: unknown) => (error as Error).message,
  );

/** A connection to NATS that only records, and a function that answers. */
function setup() {
  const sent: { subject: string; reply: string }[] = [];
  const subscribed: string[] = [];
  const errors$ = new Subject<Error>();
  const scheduler = new VirtualTimeScheduler();
  const at = { isConnected: true, answer: (() => undefined) as (error: Error | null, message: NatsMessage) => void };
  const connection = {
    options: { inboxPrefix: '_MINE' },
    info: { max_payload: 1_024 },
    publish: (subject: string, _: unknown, { reply }: { reply: string }) => void sent.push({ subject, reply }),
    subscribe(subject: string, { callback }: { callback: typeof at.answer }) {
      subscribed.push(subject);
      at.answer = callback;
    },
  } as unknown as NatsConnection;
  const batched = withBatchedRequests({ connection, scheduler, isConnected: () => at.isConnected, errors$ });
  const request = (subject: string, limit = 1_000) => batched.request(subject, 'x', { timeout: limit });
  const answer = (index: number, fields: Partial<NatsMessage> = {}): void =>
    at.answer(null, { subject: sent[index]!.reply, data: new Uint8Array(1), ...fields } as NatsMessage);
  return { at, sent, subscribed, errors$, scheduler, batched, request, answer };
}

it('sends the requests of a turn together, and gives each its answer, by one subscription', async () => {
  const { sent, subscribed, batched, request, answer } = setup();
  const answers = ['a', 'b', 'c'].map((subject) => request(subject));
  await Promise.resolve();
  expect(sent).toEqual([]);
  await turn();
  expect(sent.map(({ subject }) => subject)).toEqual(['a', 'b', 'c']);
  for (const index of [2, 0, 1]) answer(index);
  // A second answer of one request is ignored.
  answer(1);
  expect((await Promise.all(answers)).map(({ subject }) => subject)).toEqual(sent.map(({ reply }) => reply));
  expect(subscribed).toEqual([expect.stringMatching(/^_MINE\.[\w-]+\.\*$/)]);
  expect(batched.info?.max_payload).toBe(1_024);
});

it('fails each request after its own timeout', async () => {
  const { scheduler, request, answer } = setup();
  const [short, long] = [request('a', 200), request('b', 1_000)];
  await turn();
  scheduler.maxFrames = 300;
  scheduler.flush();
  expect(await reasonOf(short)).toBe('NATS has not answered in time');
  answer(1);
  expect(await long).toMatchObject({ subject: expect.any(String) as string });
});

it('fails a request that no part of NATS receives', async () => {
  const { request, answer } = setup();
  const failing = request('a');
  await turn();
  answer(0, { data: new Uint8Array(0), headers: { code: 503 } as NonNullable<NatsMessage['headers']> });
  await expect(failing).rejects.toMatchObject({ name: 'NoRespondersError' });
});

it('fails the requests to a subject that the connection may not publish to, with the reason of NATS', async () => {
  const { errors$, request, answer } = setup();
  const [refused, other] = [request('a'), request('b')];
  await turn();
  errors$.next(Object.assign(new Error('permissions violation'), { subject: 'a' }));
  expect(await reasonOf(refused)).toBe('permissions violation');
  answer(1);
  await other;
});

it('fails all requests when the connection is closed', async () => {
  const { errors$, request } = setup();
  const [sent, unsent] = [request('a'), request('b')];
  errors$.complete();
  expect(await Promise.all([sent, unsent].map(reasonOf))).toEqual(['the connection to NATS is closed', 'the connection to NATS is closed']);
});

it('sends nothing without a connection: the client of NATS would send it late', async () => {
  const { at, sent, request } = setup();
  const failing = request('a');
  at.isConnected = false;
  expect(await reasonOf(failing)).toBe('the connection to NATS is lost');
  expect(sent).toEqual([]);
});
