import { lastValueFrom, map, of, pipe, toArray } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { ofType } from '../../lib/operators/ofType.js';
import { operatorContract } from '../support/operatorContract.js';

describe('ofType', () => {
  const ping = createMessage('system.ping', { timestamp: 1 });
  const pong = createMessage('system.pong', { timestamp: 2 });
  const own = createMessage('system.ping.own', 'anything');

  operatorContract(() => ofType('system.ping'), { value: () => ping });

  it('passes messages of the type on as they are', async () => {
    const pings = await lastValueFrom(of(ping, pong, own).pipe(ofType('system.ping'), toArray()));
    expect(pings).toEqual([ping]);
    expect(pings[0]).toBe(ping);
  });

  it('takes several types, known or not', async () => {
    const types = pipe(
      ofType('system.pong', 'system.ping.own'),
      map((message) => message.type),
      toArray(),
    );
    expect(await lastValueFrom(of(ping, pong, own).pipe(types))).toEqual(['system.pong', 'system.ping.own']);
  });

  it('does not match properties of every object as types', async () => {
    expect(await lastValueFrom(of<Message>(ping).pipe(ofType('constructor', '__proto__', 'toString'), toArray()))).toEqual([]);
  });
});
