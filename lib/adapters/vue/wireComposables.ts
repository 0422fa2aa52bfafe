import { onScopeDispose, type MaybeRefOrGetter, type ShallowRef } from 'vue';
import { noop } from 'rxjs';
import { messageState } from '../../operators/sending/messageState.js';
import { membersOf } from '../../operators/channels/channel.js';
import { NO_MEMBERS, type Presence } from '../../channels/memberList.js';
import type { RequestOptions } from '../../operators/requests/requestTypes.js';
import { createRequestRunner, IDLE, type RequestRunner, type RequestState } from '../../operators/requests/requestRunner.js';
import { pendingOfTypes, type PendingMessage } from '../../operators/sending/pendingOf.js';
import type { Receipt } from '../../message/receipt.js';
import type { MessageType } from '../../message/types.js';
import { ofType, type MessageOf } from '../../operators/ofType.js';
import type { ConnectionState } from '../../wire/connectionState.js';
import { isOnServer, latestRef } from './latestRef.js';
import { useWire } from './wirePlugin.js';

/**
 * Returns the connection state of the wire: its status, the time of the next attempt, its counters.
 * While the component is mounted, the counters are read once a second.
 *
 * @example
 * import { computed } from 'vue';
 * import { useConnection } from 'rxwire/vue';
 *
 * function useBanner() {
 *   const connection = useConnection();
 *   return computed(() => (connection.value.status === 'connected' ? '' : 'offline'));
 * }
 */
export function useConnection(): Readonly<ShallowRef<ConnectionState>> {
  const wire = useWire();
  return latestRef(wire, ({ state$ }) => state$, wire.state);
}

/**
 * Calls `handler` with the messages of a type, until the component ends.
 *
 * @param type The exact name: no pattern.
 * @example
 * import { ref } from 'vue';
 * import { useMessages } from 'rxwire/vue';
 *
 * function useOutput() {
 *   const text = ref('');
 *   useMessages('execution.output', ({ payload }) => (text.value += payload.data));
 *   return text;
 * }
 */
export function useMessages<T extends MessageType | (string & {})>(type: T, handler: (message: MessageOf<T>) => void): void {
  const wire = useWire();
  if (isOnServer()) return;
  const subscription = wire.pipe(ofType(type)).subscribe({ next: (message) => handler(message), error: noop });
  onScopeDispose(() => subscription.unsubscribe());
}

/**
 * Returns the messages that have no outcome yet, as `pendingOf` lists them: all, or those of some
 * types. With a durable outbox, those that an earlier page has left are among them.
 *
 * @param types Exact names: no patterns.
 * @default all types
 * @example
 * import { computed } from 'vue';
 * import { usePending } from 'rxwire/vue';
 *
 * function useUnsent() {
 *   const rows = usePending('chat.said');
 *   return computed(() => `${rows.value.length} messages are not sent yet`);
 * }
 */
export function usePending<T extends MessageType | (string & {})>(
  ...types: readonly T[]
): Readonly<ShallowRef<readonly PendingMessage<MessageOf<T>>[]>> {
  const pending = latestRef(useWire(), (wire) => pendingOfTypes(wire, types), [] as readonly PendingMessage[]);
  return pending as unknown as Readonly<ShallowRef<readonly PendingMessage<MessageOf<T>>[]>>;
}

/**
 * Returns the members of a channel. The server sends them until the component ends.
 *
 * @param name The name of the channel, a ref or a getter; `undefined`: no channel.
 * @example
 * import { computed } from 'vue';
 * import { usePresence } from 'rxwire/vue';
 *
 * function useOthers() {
 *   const presence = usePresence('room.1');
 *   return computed(() => `${presence.value.others.length} others are here`);
 * }
 */
export function usePresence(name: MaybeRefOrGetter<string | undefined>): Readonly<ShallowRef<Presence>> {
  const wire = useWire();
  return latestRef(name, (found) => membersOf(wire, found), NO_MEMBERS);
}

/**
 * Returns the latest receipt of one message, as {@link messageState} emits it: its `status` is
 * `queued`, `stored`, `sent`, `acked`, `refused`, `expired` or `dead`. `undefined` for a message
 * that the wire does not know, or does not remember.
 *
 * @param id The id of the message, a ref or a getter; `undefined`: no message.
 * @example
 * import { computed } from 'vue';
 * import { useReceipt } from 'rxwire/vue';
 *
 * function useMark(id: () => string) {
 *   const receipt = useReceipt(id);
 *   return computed(() => (receipt.value?.status === 'acked' ? 'done' : 'waiting'));
 * }
 */
export function useReceipt(id: MaybeRefOrGetter<string | undefined>): Readonly<ShallowRef<Receipt | undefined>> {
  const wire = useWire();
  return latestRef<string, Receipt | undefined>(id, (found) => messageState(wire, found), undefined);
}

/** A request of a component. */
export interface RequestRefs<T extends string> extends Pick<RequestRunner<T>, 'run' | 'cancel'> {
  readonly state: Readonly<ShallowRef<RequestState<T>>>;
}

/**
 * Sends requests, one at a time, and returns the state of the latest one. The request is cancelled
 * when the component ends.
 *
 * @param options Those of `request`.
 * @example
 * import { createMessage } from 'rxwire';
 * import { useRequest } from 'rxwire/vue';
 *
 * function useFolder() {
 *   const { state, run } = useRequest<'files.list'>({ timeout: 5_000 });
 *   const open = (folder: string) => run(createMessage('files.list', folder));
 *   return { state, open };
 * }
 */
export function useRequest<T extends string>(options: RequestOptions<T> = {}): RequestRefs<T> {
  const { state$, run, cancel } = createRequestRunner<T>(useWire(), options);
  const state = latestRef<typeof state$, RequestState<T>>(state$, (from) => from, IDLE);
  onScopeDispose(cancel, true);
  return { state, run, cancel };
}
