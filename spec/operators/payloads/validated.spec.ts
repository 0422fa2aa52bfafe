import { type } from 'arktype';
import { filter, firstValueFrom, from, map, of, Subject, toArray } from 'rxjs';
import * as v from 'valibot';
import { z } from 'zod';
import { validated, type PayloadSchemas } from '../../../lib/operators/payloads/validated.js';
import { InvalidPayloadError, type RxwireError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { operatorContract } from '../../support/operatorContract.js';
import { pair } from '../../support/sessionPair.js';

const said = (payload: unknown, id = 'a1'): Message => createMessage('chat.said' as 'any', payload, { id });
const good = { room: 'lobby', text: 'hello' };
const libraries: Readonly<Record<string, PayloadSchemas>> = {
  zod: { 'chat.said': z.object({ room: z.string(), text: z.string().max(10) }) },
  valibot: { 'chat.said': v.object({ room: v.string(), text: v.pipe(v.string(), v.maxLength(10)) }) },
  arktype: { 'chat.said': type({ room: 'string', text: 'string <= 10' }) },
};
const chat = libraries['zod']!;

async function through(schemas: PayloadSchemas, messages: readonly Message[], options: Parameters<typeof validated>[1] = {}) {
  const failed: RxwireError[] = [];
  const operator = validated(schemas, { onError: (one) => void failed.push(one), ...options });
  const passed = await firstValueFrom(from(messages).pipe(operator, toArray<Message>()));
  return { passed, errors: failed.filter((error) => error instanceof InvalidPayloadError) };
}

describe('validated', () => {
  operatorContract(() => validated({ 'test.any': z.string() }), {
    value: (index) => createMessage('test.any' as 'any', 'x', { id: String(index), timestamp: 0 }),
    throwing: { onError: (fail) => validated({}, { onError: fail }) },
  });

  it.each(Object.entries(libraries))('takes schemas of %s', async (_, schemas) => {
    const { passed, errors } = await through(schemas, [said(good), said({ room: 1, text: 'hello' }), said(good, 'b2')]);
    expect(passed.map(({ id }) => id)).toEqual(['a1', 'b2']);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(InvalidPayloadError);
    expect(errors[0]).toMatchObject({
      code: 'ERR_INVALID_PAYLOAD',
      id: 'a1',
      type: 'chat.said',
      reason: expect.stringMatching(/^payload\.room: ./),
    });
    expect(errors[0]!.issues[0]).toHaveProperty('message');
  });

  it('says all that is wrong', async () => {
    const { errors } = await through(chat, [said({})]);
    expect(errors[0]!.issues.map((issue) => (issue as z.core.$ZodIssue).path)).toEqual([['room'], ['text']]);
  });

  it('applies the transform of a schema, unless the other side applies it', async () => {
    const schemas = { 'chat.said': z.object({ room: z.string().default('lobby'), text: z.string().trim() }) };
    expect((await through(schemas, [said({ text: ' hello ' })])).passed[0]?.payload).toEqual({ room: 'lobby', text: 'hello' });
    expect((await through(schemas, [said({ text: ' hello ' })], { transform: false })).passed[0]?.payload).toEqual({ text: ' hello ' });
  });

  it('refuses types without a schema, unless they may pass', async () => {
    const strangers = ['other', '__proto__', 'toString', 'chat.said.more'].map((name) => createMessage(name as 'any', null));
    const { passed, errors } = await through(chat, strangers);
    expect(passed).toEqual([]);
    expect(errors.map(({ reason }) => reason)).toEqual(strangers.map(() => 'payload: no schema for this type'));
    expect((await through(chat, strangers, { others: 'pass' })).passed).toEqual(strangers);
  });

  it('waits for a schema that takes its time, and keeps the order', async () => {
    const slow = z.object({ text: z.string().refine((text) => Promise.resolve(text !== 'spam')) });
    const schemas = { 'chat.said': slow, quick: z.number() };
    const messages = [
      said({ text: 'a' }, 'a'),
      createMessage('quick' as 'any', 1, { id: 'b' }),
      said({ text: 'spam' }, 'c'),
      said({ text: 'd' }, 'd'),
    ];
    const { passed, errors } = await through(schemas, messages);
    expect(passed.map(({ id }) => id)).toEqual(['a', 'b', 'd']);
    expect(errors.map(({ id }) => id)).toEqual(['c']);
  });

  it.each<[string, () => never | Promise<never>]>([
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
  ])('refuses a payload whose schema %s', async (_, validate) => {
    const { passed, errors } = await through({ 'chat.said': { '~standard': { version: 1, vendor: 'test', validate } } }, [said(good)]);
    expect(passed).toEqual([]);
    expect(errors[0]).toMatchObject({ reason: 'payload: its schema has failed', cause: new Error('boom') });
  });

  it('refuses a bound that is none', () => {
    expect(() => validated(chat, { maxWaiting: 0 })).toThrow(RangeError);
  });

  it('reports an invalid message to its wire, acks it, and continues', async () => {
    const { wire, serverWire, close } = pair();
    const server = await serverWire();
    const errors: unknown[] = [];
    const got: string[] = [];
    server.errors$.subscribe((error) => errors.push(error));
    server.pipe(validated(chat)).subscribe(({ id, payload }) => got.push(`${id} ${(payload as typeof good).text}`));

    const receipts = await Promise.all([wire.send(said(good, 'a')), wire.send(said({ text: 1 }, 'b')), wire.send(said(good, 'c'))]);
    expect(receipts.map(({ status }) => status)).toEqual(['acked', 'acked', 'acked']);
    expect(got).toEqual(['a hello', 'c hello']);
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_INVALID_PAYLOAD', id: 'b' })]);
    close();
  });

  it('also validates outgoing messages: an invalid one is not sent', async () => {
    const { wire, serverWire, close } = pair();
    const outgoing$ = new Subject<Message>();
    const refused: string[] = [];
    outgoing$.pipe(validated(chat, { transform: false, onError: (_, { id }) => void refused.push(id) })).subscribe(wire);
    const server = await serverWire();
    const got = firstValueFrom(
      server.pipe(
        filter(({ id }) => id === 'b'),
        map(({ payload }) => payload),
      ),
    );
    outgoing$.next(said({ text: 1 }, 'a'));
    outgoing$.next(said(good, 'b'));
    expect(await got).toEqual(good);
    expect(refused).toEqual(['a']);
    close();
  });

  it('does all at once that can be done at once', () => {
    const got: string[] = [];
    of(said(good))
      .pipe(validated(chat))
      .subscribe(({ id }) => got.push(id));
    expect(got).toEqual(['a1']);
  });
});
