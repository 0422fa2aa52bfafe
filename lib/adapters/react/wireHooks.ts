import { useEffect, useMemo, useRef } from 'react';
import { noop } from 'rxjs';
import { messageState } from '../../operators/sending/messageState.js';
import { checkOptions } from '../../message/development.js';
import { NO_MEMBERS, type Presence } from '../../channels/memberList.js';
import { membersOf } from '../../operators/channels/channel.js';
import type { RequestOptions } from '../../operators/requests/requestTypes.js';
import { createRequestRunner, IDLE, type RequestRunner, type RequestState } from '../../operators/requests/requestRunner.js';
import { pendingOfTypes, type PendingMessage } from '../../operators/sending/pendingOf.js';
import type { Receipt } from '../../message/receipt.js';
import type { MessageType } from '../../message/types.js';
import { ofType, type MessageOf } from '../../operators/ofType.js';
import type { ConnectionState } from '../../wire/connectionState.js';
import { useLatest } from './useLatest.js';
import { useWire } from './wireProvider.js';

/**
 * Returns the connection state of the wire: its status, the time of the next attempt, its counters.
 * While the component is mounted, the counters are read once a second.
 *
 * @example
 * import { useConnection } from 'rxwire/react';
 *
 * function Banner() {
 *   return useConnection().status === 'connected' ? null : 'offline';
 * }
 */
export function useConnection(): ConnectionState {
  const wire = useWire();
  const state$ = useMemo(() => wire.state$, [wire]);
  return useLatest(state$, wire.state);
}

/**
 * Calls `handler` with the messages of a type that arrive while the component is mounted. It may be
 * another function at each rendering.
 *
 * @param type The exact name: no pattern.
 * @example
 * import { useState } from 'react';
 * import { useMessages } from 'rxwire/react';
 *
 * function Output() {
 *   const [text, setText] = useState('');
 *   useMessages('execution.output', ({ payload }) => setText((all) => all + payload.data));
 *   return text;
 * }
 */
export function useMessages<T extends MessageType | (string & {})>(type: T, handler: (message: MessageOf<T>) => void): void {
  const wire = useWire();
  const latest = useRef(handler);
  useEffect(() => {
    latest.current = handler;
  });
  useEffect(() => {
    const subscription = wire.pipe(ofType(type)).subscribe({ next: (message) => latest.current(message), error: noop });
    return () => subscription.unsubscribe();
  }, [wire, type]);
}

/**
 * Returns the messages that have no outcome yet, as `pendingOf` lists them: all, or those of some
 * types. With a durable outbox, those that an earlier page has left are among them.
 *
 * @param types Exact names: no patterns.
 * @default all types
 * @example
 * import { usePending } from 'rxwire/react';
 *
 * function Unsent() {
 *   return `${usePending('chat.said').length} messages are not sent yet`;
 * }
 */
export function usePending<T extends MessageType | (string & {})>(...types: readonly T[]): readonly PendingMessage<MessageOf<T>>[] {
  const wire = useWire();
  const pending$ = useMemo(() => pendingOfTypes(wire, types), [wire, ...types]);
  return useLatest(pending$, NO_MESSAGES) as readonly PendingMessage<MessageOf<T>>[];
}

const NO_MESSAGES: readonly PendingMessage[] = [];

/**
 * Returns the members of a channel. The server sends them while the component is mounted.
 *
 * @param name The name of the channel; `undefined`: no channel.
 * @example
 * import { usePresence } from 'rxwire/react';
 *
 * function Others() {
 *   return `${usePresence('room.1').others.length} others are here`;
 * }
 */
export function usePresence(name: string | undefined): Presence {
  const wire = useWire();
  const presence$ = useMemo(() => (name === undefined ? undefined : membersOf(wire, name)), [wire, name]);
  return useLatest(presence$, NO_MEMBERS);
}

/**
 * Returns the latest receipt of one message, as {@link messageState} emits it: its `status` is
 * `queued`, `stored`, `sent`, `acked`, `refused`, `expired` or `dead`. `undefined` for a message
 * that the wire does not know, or does not remember.
 *
 * @param id The id of the message; `undefined`: no message.
 * @example
 * import { useReceipt } from 'rxwire/react';
 *
 * function Mark({ id }: { readonly id: string }) {
 *   return useReceipt(id)?.status === 'acked' ? 'done' : 'waiting';
 * }
 */
export function useReceipt(id: string | undefined): Receipt | undefined {
  const wire = useWire();
  const receipt$ = useMemo(() => (id === undefined ? undefined : messageState(wire, id)), [wire, id]);
  return useLatest<Receipt | undefined>(receipt$, undefined);
}

/** A request of a component. */
export type RequestView<T extends string> = RequestState<T> & Pick<RequestRunner<T>, 'run' | 'cancel'>;

/**
 * Sends requests, one at a time, and returns the state of the latest one. The request is cancelled
 * when the component is unmounted.
 *
 * @param options Those of `request`. The options of the first rendering apply.
 * @example
 * import { createMessage } from 'rxwire';
 * import { useRequest } from 'rxwire/react';
 *
 * function useFolder() {
 *   const { status, value, error, run } = useRequest<'files.list'>({ timeout: 5_000 });
 *   const open = (folder: string) => run(createMessage('files.list', folder));
 *   return { status, value, error, open };
 * }
 */
export function useRequest<T extends string>(options: RequestOptions<T> = {}): RequestView<T> {
  checkOptions('useRequest', options);
  const wire = useWire();
  const runner = useMemo(() => createRequestRunner<T>(wire, options), [wire]);
  useEffect(() => runner.cancel, [runner]);
  const state = useLatest<RequestState<T>>(runner.state$, IDLE);
  return { ...state, run: runner.run, cancel: runner.cancel };
}
