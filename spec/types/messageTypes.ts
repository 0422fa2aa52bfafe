import { EMPTY, type Observable } from 'rxjs';
import {
  type ConnectionState,
  ConnectionStatus,
  createMessage,
  ofType,
  ReliabilityLevel,
  TransportProtocol,
  type BaseMessage,
  type Delivery,
  type ExecutionMessage,
  type ExecutionPayload,
  type FileMessage,
  type Message,
  type ResourceMessage,
  type SharedMessageTypes,
  type SystemMessage,
  type SystemPayload,
} from 'rxwire';

interface Joined {
  readonly room: string;
}

// As an application does: by the name of the package, which re-exports the map.
declare module 'rxwire' {
  interface MessageTypes {
    'room.joined': Joined;
    // A shared payload, narrowed: the console narrows those of executions and resources.
    'system.heartbeat': SystemPayload & { readonly status: string };
  }
}

export const joined$: Observable<Message<'room.joined', Joined>> = (EMPTY as Observable<Message>).pipe(ofType('room.joined'));
export const joined: Message<'room.joined', Joined> = createMessage('room.joined', { room: 'lobby' });

// @ts-expect-error the payload is the declared one
createMessage('room.joined', { room: 1 });

const narrowed = createMessage('system.heartbeat', { timestamp: 0, status: 'up' });
export const state: string = narrowed.payload.status;
export const text: string = createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: '6 * 7' }).payload.data;
// @ts-expect-error the narrowed payload has a status
createMessage('system.heartbeat', { timestamp: 0 });
export const fetched = createMessage('file.download', { sandboxId: 's1', path: '/a', operation: 'fetch' });
// @ts-expect-error a text is asked for
createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: 1 });

// Where nobody narrows them, the shared payloads are open.
export const open: SharedMessageTypes['execution.output'] = { executionId: 'e1', sandboxId: 's1', data: { chart: [1] } };
export const failed: ExecutionPayload = { executionId: 'e1', sandboxId: 's1', error: { message: 'no', code: 1, cause: 'memory' } };
export const used: SharedMessageTypes['resource.limit'] = {
  sandboxId: 's1',
  metrics: { cpu: { usage: 1, cores: 4 }, memory: 512, gpu: 0.5 },
  thresholds: { cpu: 0.8 },
  alerts: [{ metric: 'cpu', level: 'warning', value: 1, threshold: 0.8, since: 0 }],
};

export function pathOf(message: ExecutionMessage | FileMessage | ResourceMessage | SystemMessage): string {
  if (message.type === 'file.upload' || message.type === 'file.change') return message.payload.path;
  if (message.type === 'system.ping') return String(message.payload.timestamp);
  return 'sandboxId' in message.payload ? message.payload.sandboxId : '';
}
export const base: BaseMessage = narrowed;
export const level: Delivery = ReliabilityLevel.EXACTLY_ONCE;
export const levels: ReliabilityLevel[] = ['at-most-once', ReliabilityLevel.AT_LEAST_ONCE];
export const status: ConnectionStatus = ConnectionStatus.RECONNECTING;
export const protocols: TransportProtocol[] = [TransportProtocol.SSE, 'websocket'];
/** Completes the names of the transports, and takes that of any other link. */
export const own: ConnectionState['protocol'][] = [TransportProtocol.CUSTOM, 'carrier'];
export const known: Extract<ConnectionState['protocol'], TransportProtocol> = 'sse';
// @ts-expect-error no such status
export const wrong: ConnectionStatus = 'lost';
// @ts-expect-error the version is a text
export const numbered: Partial<Message> = { version: 1 };
