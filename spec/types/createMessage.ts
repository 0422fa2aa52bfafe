import { createMessage, MessagePriority, type ExecutionPayload, type Message, type MessageTypes } from 'rxwire';

// As an application does.
declare module 'rxwire' {
  interface MessageTypes {
    'chat.edited': { readonly room: string; readonly text: string };
  }
}

export const known: Message<'execution.start'> = createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: '6 * 7' });
export const payload: ExecutionPayload = known.payload;
export const own: MessageTypes['chat.edited'] = createMessage('chat.edited', { room: 'lobby', text: 'hello' }).payload;
export const unknown: Message<'no.such.type', number> = createMessage('no.such.type', 42);
export const options: Message = createMessage('ack', null, {
  priority: MessagePriority.HIGH,
  ttl: 5_000,
  headers: { trace: '42', span: { id: 7 } },
});
export const any: Message[] = [known, unknown, createMessage('chat.edited', { room: 'lobby', text: 'hello' })];

// @ts-expect-error a field of the payload is missing
createMessage('execution.start', { executionId: 'e1' });
// @ts-expect-error a field of the payload has another type
createMessage('chat.edited', { room: 'lobby', text: 1 });
// @ts-expect-error an ack says nothing but in its envelope
createMessage('ack', 'hello');
// @ts-expect-error there is no such priority
createMessage('ack', null, { priority: 4 });
// @ts-expect-error a delivery tag is text
createMessage('ack', null, { metadata: { deliveryTag: 42 } });
// @ts-expect-error the type is not an option
createMessage('ack', null, { type: 'nak' });
