import { jest } from '@jest/globals';
import { filter, firstValueFrom, retry, Subject, take } from 'rxjs';
import { request } from '../../../lib/operators/requests/request.js';
import type { RequestOptions } from '../../../lib/operators/requests/requestTypes.js';
import {
  ConnectionLostError,
  EncodeError,
  MessagesMissedError,
  OverflowError,
  ReplyError,
  SessionLostError,
  WireClosedError,
} from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { MessagePriority } from '../../../lib/message/messagePriority.js';
import type { Message } from '../../../lib/message/types.js';
import { record } from '../../support/record.js';
import { fakeWire } from '../../support/fakeWire.js';
import { pair } from '../../support/sessionPair.js';

const question = (id = 'q'): Message => createMessage<string, unknown>('test.ask', null, { id });

describe('request', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 1_000 }));
  afterEach(() => void jest.useRealTimers());

  function asked(options: RequestOptions<string> = {}, message = question()) {
    const fake = fakeWire();
    return { ...fake, ...record(request(fake.wire, message, options)) };
  }

  it('is cold: sends nothing, and subscribes to nothing, before it is subscribed', async () => {
    const { wire, sent, listeners, say } = fakeWire();
    const answer$ = request(wire, question());
    expect([sent, listeners()]).toEqual([[], [false, false, false]]);
    const { values, ended } = record(answer$);
    expect(listeners()).toEqual([true, true, true]);
    say('reply.last', 'q', 'a');
    expect([values, await ended]).toEqual([['a'], 'complete']);
    expect(sent).toHaveLength(1);
  });

  it('shares its subscriptions and its timer with later requests, until the wire ends', () => {
    const { wire, listeners, say, messages$ } = fakeWire();
    for (const id of ['a', 'b']) {
      request(wire, question(id)).subscribe();
      say('reply.last', id, 1);
      expect([listeners(), jest.getTimerCount()]).toEqual([[true, true, true], 1]);
    }
    messages$.complete();
    expect([listeners(), jest.getTimerCount()]).toEqual([[false, false, false], 0]);
  });

  it('sends the message unchanged, with its timeout as the ttl', () => {
    const message = createMessage('test.ask', 'x', { id: 'q', timestamp: 900, priority: MessagePriority.HIGH, target: 'there' });
    const { sent } = asked({ timeout: 50 }, message);
    expect(sent).toEqual([{ ...message, ttl: 150, metadata: { request: true } }]);
  });

  it('keeps an existing ttl, and sets none without a timeout', () => {
    expect(asked({}, { ...question(), ttl: 7 }).sent[0]?.ttl).toBe(7);
    expect(asked({ timeout: Infinity }).sent[0]).not.toHaveProperty('ttl');
  });

  it('sends the cancellation the way of the request, so that it cannot overtake', () => {
    const { sent, subscription } = asked({}, { ...question(), priority: 3, delivery: 'at-most-once', target: 'there' });
    subscription.unsubscribe();
    expect(sent[1]).toMatchObject({ type: 'request.cancel', correlationId: 'q', priority: 3, delivery: 'at-most-once', target: 'there' });
  });

  it('is cancelled when its subscriber unsubscribes', () => {
    const { wire, sentTypes, say } = fakeWire();
    const { values } = record(request(wire, question()).pipe(take(2)));
    say('reply', 'q', 1, 0);
    say('reply', 'q', 2, 1);
    say('reply', 'q', 3, 2);
    expect([values, sentTypes()]).toEqual([
      [1, 2],
      ['test.ask', 'request.cancel'],
    ]);
  });

  it('does not send the cancellation through a wire that drains', () => {
    const { state, subscription, sentTypes } = asked();
    state.status = 'disconnecting';
    subscription.unsubscribe();
    expect(sentTypes()).toEqual(['test.ask']);
  });

  it('reports no lost message when it is cancelled after complete of its wire', async () => {
    jest.useRealTimers();
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    const failures = record(wire.failures$);
    const { subscription } = record(request(wire, question()));
    await firstValueFrom(wire.receipts$.pipe(filter(({ status }) => status === 'acked')));
    wire.complete();
    subscription.unsubscribe();
    await failures.ended;
    expect(failures.values).toEqual([]);
    close();
  });

  it('keeps the answers of many apart, with one subscription', () => {
    const { wire, say, messages$ } = fakeWire();
    const subscribed = jest.spyOn(messages$, 'subscribe');
    const [a, b] = [record(request(wire, question('a'))), record(request(wire, question('b')))];
    say('reply', 'b', 'of b', 0);
    say('reply.last', 'a', 'of a');
    say('reply.last', 'nobody', 'lost');
    expect([a.values, a.isOver(), b.values, b.isOver()]).toEqual([['of a'], true, ['of b'], false]);
    expect(subscribed).toHaveBeenCalledTimes(1);
  });

  it.each(['reply', 'reply.last', 'reply.complete'])(
    'fails where replies before a %s are missing, when no reason arrives within a second, and cancels at the other side',
    async (type) => {
      const { say, values, ended, isOver, sentTypes } = asked();
      say('reply', 'q', 1, 0);
      say(type, 'q', null, 3);
      jest.advanceTimersByTime(999);
      say('reply', 'q', 5, 4);
      expect(isOver()).toBe(false);
      jest.advanceTimersByTime(1);
      expect([values, await ended]).toEqual([[1], new MessagesMissedError(2)]);
      expect(sentTypes()).toEqual(['test.ask', 'request.cancel']);
    },
  );

  it('fails with the reason why replies are missing, if it arrives', async () => {
    const { say, values, ended, sentTypes } = asked();
    say('reply', 'q', 1, 0);
    say('reply.last', 'q', 3, 2);
    say('reply.error', 'q', { code: 'ERR_ENCODE', message: 'no' });
    expect([values, await ended]).toEqual([[1], new ReplyError('ERR_ENCODE', 'no')]);
    expect(sentTypes()).toEqual(['test.ask']);
  });

  it.each(['reply', 'reply.last', 'reply.complete'])('ignores a repeated %s', (type) => {
    const { say, values, isOver } = asked();
    say('reply', 'q', 1, 0);
    say(type, 'q', 1, 0);
    expect([values, isOver()]).toEqual([[1], false]);
  });

  it('accepts replies without numbers in the order of arrival', () => {
    const { say, values, isOver } = asked();
    for (const value of [1, 2]) say('reply', 'q', value);
    say('reply.complete', 'q', null);
    expect([values, isOver()]).toEqual([[1, 2], true]);
  });

  it.each([
    [{ code: 'ERR_NOPE', message: 'no' }, new ReplyError('ERR_NOPE', 'no')],
    [null, new ReplyError('ERR_UNKNOWN', '')],
    [{ code: 7, message: {} }, new ReplyError('ERR_UNKNOWN', '')],
  ])('fails with the error of the other side: %j', async (payload, error) => {
    const { say, ended, sentTypes } = asked();
    say('reply.error', 'q', payload);
    expect(await ended).toEqual(error);
    expect(sentTypes()).toEqual(['test.ask']);
  });

  it('fails at once when it cannot be sent', async () => {
    const { failures$, ended, sentTypes } = asked();
    const error = new EncodeError('json', 'a function');
    failures$.next({ id: 'q', status: 'dead', error });
    expect(await ended).toBe(error);
    expect(sentTypes()).toEqual(['test.ask']);
  });

  it('fails when more than maxOpen are open', async () => {
    const { wire, sent } = fakeWire();
    for (const id of ['a', 'b']) record(request(wire, question(id), { maxOpen: 2 }));
    expect(await record(request(wire, question('c'), { maxOpen: 2 })).ended).toEqual(new OverflowError('open requests', 2));
    expect(sent).toHaveLength(2);
  });

  it('fails a request that the other side has lost, and waits for one that it has not received', async () => {
    const { wire, arrive, errors$, say } = fakeWire();
    const asking = (id: string) => record(request(wire, question(id)));
    const [acked, answering, unacked] = [asking('acked'), asking('answering'), asking('unacked')];
    arrive('acked');
    say('reply', 'answering', 1, 0);
    const error = new SessionLostError();
    errors$.next(new ConnectionLostError(1006, ''));
    errors$.next(error);
    expect([await acked.ended, await answering.ended, unacked.isOver()]).toEqual([error, error, false]);
  });

  describe('when the wire ends', () => {
    const boom = new Error('boom');

    it('fails with the error of the wire', async () => {
      const { messages$, ended, sentTypes } = asked();
      messages$.error(boom);
      expect(await ended).toBe(boom);
      expect(sentTypes()).toEqual(['test.ask']);
    });

    it('fails when it completes', async () => {
      const { messages$, ended } = asked();
      messages$.complete();
      expect(await ended).toEqual(new WireClosedError('q'));
    });

    it('fails when the wire is unsubscribed, which its subscribers do not notice', async () => {
      const { failures$, ended } = asked();
      failures$.complete();
      expect(await ended).toEqual(new WireClosedError('q'));
    });

    it('fails with the reason of the end, before the subscribers of the wire receive it', async () => {
      const { failures$, state, ended } = asked();
      state.error = boom;
      failures$.complete();
      expect(await ended).toBe(boom);
    });

    it('fails at once when it has ended already', async () => {
      const { wire, failures$, sent } = fakeWire();
      failures$.complete();
      expect(await record(request(wire, question())).ended).toEqual(new WireClosedError('q'));
      expect(sent).toEqual([]);
    });

    it('fails over a Subject that is closed', async () => {
      const subject = new Subject<Message>();
      subject.unsubscribe();
      expect(await record(request(subject, question())).ended).toMatchObject({ name: 'ObjectUnsubscribedError' });
      expect(jest.getTimerCount()).toBe(0);
    });
  });

  it('delivers an exception of onProgress, and cancels at the other side', async () => {
    const boom = new Error('boom');
    const { say, ended, sentTypes } = asked({
      onProgress: () => {
        throw boom;
      },
    });
    say('reply.progress', 'q', 0.5);
    expect(await ended).toBe(boom);
    expect(sentTypes()).toEqual(['test.ask', 'request.cancel']);
  });

  it('is a request of its own each time: late replies to the first are not for the second', async () => {
    const { wire, sent, say } = fakeWire();
    const { values, isOver } = record(request(wire, question(), { timeout: 10 }).pipe(retry(1)));
    await jest.advanceTimersByTimeAsync(10);
    const [first, cancel, second] = sent as [Message, Message, Message];
    expect([first.id, cancel.correlationId, second.type, second.id === first.id]).toEqual(['q', 'q', 'test.ask', false]);
    say('reply.last', 'q', 'late');
    expect([values, isOver()]).toEqual([[], false]);
    say('reply.last', second.id, 'in time');
    expect([values, isOver()]).toEqual([['in time'], true]);
  });

  it('uses separate ids when the same message is requested twice at once', () => {
    const { wire, sent } = fakeWire();
    const message = question();
    for (let time = 0; time < 2; time++) request(wire, message).subscribe();
    expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
  });

  it('can be sent again from its error handler, with the same message', () => {
    const { wire, sent, say } = fakeWire();
    const message = question();
    const answers: unknown[] = [];
    request(wire, message).subscribe({ error: () => request(wire, message).subscribe((value) => answers.push(value)) });
    say('reply.error', 'q', null);
    say('reply.last', sent[1]!.id, 'yes');
    expect(answers).toEqual(['yes']);
  });

  it('receives replies that arrive during the call of next', async () => {
    const fake = fakeWire(({ id }) => fake.say('reply.last', id, 'at once'));
    expect(await firstValueFrom(request(fake.wire, question()))).toBe('at once');
  });

  describe('its deadlines', () => {
    it('have one timer for all', async () => {
      const { wire, say } = fakeWire();
      const ends: unknown[] = [];
      const ask = (id: string, timeout: number): void =>
        void request(wire, question(id), { timeout }).subscribe({ error: (error: { id: string }) => ends.push([error.id, Date.now()]) });
      ask('slow', 500);
      ask('quick', 100);
      ask('middle', 200);
      ask('answered', 150);
      expect(jest.getTimerCount()).toBe(1);
      say('reply.last', 'answered', 1);
      await jest.advanceTimersByTimeAsync(1_000);
      expect(ends).toEqual([
        ['quick', 1_100],
        ['middle', 1_200],
        ['slow', 1_500],
      ]);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('may be longer than a timer can wait', async () => {
      const { ended, isOver } = asked({ timeout: 2 ** 31 + 5 });
      await jest.advanceTimersByTimeAsync(2 ** 31);
      expect(isOver()).toBe(false);
      await jest.advanceTimersByTimeAsync(5);
      expect(await ended).toMatchObject({
        ...{ code: 'ERR_REQUEST_TIMEOUT', id: 'q', timeout: 2 ** 31 + 5, type: 'test.ask' },
        text: `the other side did not answer the request q (test.ask) within ${2 ** 31 + 5} ms. It has no handler for this type, or its handler is slow`,
      });
    });
  });

  it.each([{ timeout: 0 }, { each: -1 }, { maxOpen: NaN }])('refuses %j', (options) => {
    expect(() => request(fakeWire().wire, question(), options)).toThrow(RangeError);
  });
});
