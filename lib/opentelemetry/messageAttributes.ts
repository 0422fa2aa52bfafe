import type { Attributes } from '@opentelemetry/api';
import type { Message } from '../message/types.js';

/**
 * Returns the attributes of a span about a message, by the semantic conventions of OpenTelemetry
 * for messaging.
 *
 * @param isRequest Whether the message is a request: its id is the id of the conversation.
 */
export function messageAttributes(
  { id, type, correlationId }: Message,
  operation: string,
  operationType: 'send' | 'process',
  isRequest: boolean,
): Attributes {
  const conversation = isRequest ? id : correlationId;
  return {
    'messaging.system': 'rxwire',
    'messaging.operation.name': operation,
    'messaging.operation.type': operationType,
    'messaging.destination.name': type,
    'messaging.message.id': id,
    ...(conversation !== undefined && { 'messaging.message.conversation_id': conversation }),
  };
}
