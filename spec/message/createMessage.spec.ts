import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import { parseMessage } from '../../lib/message/parseMessage.js';

describe('createMessage', () => {
  it('fills in the envelope', () => {
    expect(createMessage('system.ping', { timestamp: 0 }, { id: 'a', timestamp: 5 })).toStrictEqual({
      id: 'a',
      type: 'system.ping',
      timestamp: 5,
      version: '1.0',
      source: '',
      payload: { timestamp: 0 },
    });
  });

  it('makes an id of 21 characters, another one each time', () => {
    const ids = Array.from({ length: 1_000 }, () => createMessage('ack', null).id);
    expect(new Set(ids).size).toBe(1_000);
    expect(ids.every((id) => /^[\w-]{21}$/.test(id))).toBe(true);
  });

  it('takes the time from the scheduler', () => {
    const scheduler = new VirtualTimeScheduler();
    scheduler.schedule(() => undefined, 42);
    scheduler.flush();
    expect(createMessage('ack', null, { scheduler }).timestamp).toBe(42);
  });

  it('takes it from the clock by default', () => {
    const before = asyncScheduler.now();
    const { timestamp } = createMessage('ack', null);
    expect(timestamp).toBeGreaterThanOrEqual(before);
    expect(timestamp).toBeLessThanOrEqual(asyncScheduler.now());
  });

  it('copies all other fields unchanged', () => {
    const options = {
      id: 'a',
      timestamp: 1,
      source: 'me',
      target: 'you',
      correlationId: 'b',
      replyTo: 'me/answers',
      ttl: 5_000,
      priority: MessagePriority.HIGH,
      headers: { trace: '42', span: { parent: 7 } },
      metadata: { retryCount: 1, tenant: 'eu' },
    };
    const message = createMessage('ack', null, { ...options, scheduler: asyncScheduler });
    expect(message).toEqual({ ...options, type: 'ack', version: '1.0', payload: null });
    expect(parseMessage(message)).toEqual(message);
  });
});
