/* eslint-disable @typescript-eslint/require-await -- async functions are what these tests are about */
import { filter, from, map, Observable, of, take, timer } from 'rxjs';
import { reply } from '../../lib/operators/requests/reply.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';

const ask = (id: string): Message => createMessage<string, unknown>('test.ask', id, { id });
const shown = ({ values }: { readonly values: readonly Message[] }): readonly string[] =>
  values.map(({ type, correlationId }) => `${type} ${correlationId}`);

describe('reply on a finite stream that is no wire', () => {
  it.each([
    ['an async handler', async ({ payload }: Message) => payload],
    ['a handler that takes a while', ({ payload }: Message) => timer(5).pipe(map(() => payload))],
    ['a handler that fails', async () => Promise.reject(new Error('no'))],
  ])('answers all requests before it completes: %s', async (_, handler) => {
    const replies = record(of(ask('a'), ask('b')).pipe(reply({ 'test.ask': handler }, { onError: () => undefined })));
    expect(await replies.ended).toBe('complete');
    expect([...new Set(replies.values.map(({ correlationId }) => correlationId))]).toEqual(['a', 'b']);
  });

  it('answers the requests that wait for room, too', async () => {
    const requests = ['a', 'b', 'c', 'd'].map(ask);
    const replies = record(from(requests).pipe(reply({ 'test.ask': async ({ payload }) => payload }, { concurrency: 1 })));
    expect(await replies.ended).toBe('complete');
    expect(shown(replies)).toEqual(['reply.last a', 'reply.last b', 'reply.last c', 'reply.last d']);
  });

  it('answers requests that an operator has taken from a wire that continues', async () => {
    const { wire, serverWire, close } = pair({
      onServerWire: (served) =>
        served.pipe(take(2), reply({ 'test.ask': async ({ payload }) => payload })).subscribe((answer) => served.next(answer)),
    });
    await serverWire();
    const replies = record(wire);
    wire.next(ask('a'));
    wire.next(ask('b'));
    await replies.take(2);
    expect(shown(replies)).toEqual(['reply.last a', 'reply.last b']);
    close();
  });

  it.each([
    ['directly', (wire: Wire): Observable<Message> => wire],
    ['behind other operators', (wire: Wire): Observable<Message> => wire.pipe(filter(() => true))],
  ])('stops the handlers of a wire that has ended, and completes: %s', async (_, requestsOf) => {
    const stopped: string[] = [];
    let replies: ReturnType<typeof record<Message>> | undefined;
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const endless = ({ id }: Message): Observable<never> =>
      new Observable(() => {
        started();
        return () => void stopped.push(id);
      });
    const { wire, serverWire, close } = pair({
      onServerWire: (served) => void (replies = record(requestsOf(served).pipe(reply({ 'test.ask': endless })))),
    });
    const served = await serverWire();
    wire.next(ask('a'));
    await running;
    served.complete();
    expect(await replies?.ended).toBe('complete');
    expect(stopped).toEqual(['a']);
    close();
  });

  it('stops its handlers when it is unsubscribed after the end of the source', () => {
    const stopped: string[] = [];
    const endless = ({ id }: Message): Observable<never> => new Observable(() => () => void stopped.push(id));
    const replies = record(of(ask('a')).pipe(reply({ 'test.ask': endless })));
    expect([replies.isOver(), stopped]).toEqual([false, []]);
    replies.subscription.unsubscribe();
    expect(stopped).toEqual(['a']);
  });
});
