/**
 * The messages that a program gives up without being told: by `process.exit`, and by `unsubscribe`.
 * A process that a signal kills runs no hook.
 */
import { later, warningOf, warnOnce } from './warnOnce.js';

/** The wire of a client. */
interface ClientWire {
  readonly state: { readonly endpoint: string };
  readonly closed: boolean;
  readonly isStopped: boolean;
  readonly session:
    | {
        readonly pending: Pick<ReadonlyMap<string, { readonly id: string; readonly type: string }>, 'size' | 'values'>;
        isKept?(id: string): boolean;
      }
    | undefined;
}

/** The part of Node, Bun and Deno that calls back at the end of a process. */
interface Process {
  on(event: 'exit', listener: () => void): unknown;
  off(event: 'exit', listener: () => void): unknown;
  exitCode?: number | string | null | undefined;
}

/** The hook is removed when no message has been pending for this time, in ms. */
const CHECK_INTERVAL = 5_000;
/** The maximum number of wires that the hook names. */
const MAX_WIRES = 10;
/** The maximum number of ids in a text. */
const MAX_IDS = 3;
/** The messages that rxwire sends on its own: they are of no use after the end of the wire. */
const OF_RXWIRE = /^(system\.|ack$|request\.cancel$|channel\.(?!publish$))/;

/** The wires of the program. Those of its tests, and of a server that renders pages, are not. */
const watched = new WeakMap<object, WeakRef<ClientWire>>();
/** The wires that have sent a message, and may have messages without an ack. */
const sending = new Set<WeakRef<ClientWire>>();
/** The wire that has sent the last message, since the last check. */
let latest: object | undefined;

/**
 * From now on, the loss of the messages of a wire is reported.
 *
 * @param scheduler The option of the program: its virtual time is that of a test.
 */
export function watchExit(wire: ClientWire, scheduler: object | undefined): void {
  if (!scheduler) watched.set(wire, new WeakRef(wire));
}

/** The program does not expect that the messages of a wire are delivered. */
export function ignoreExit(wire: object): void {
  watched.delete(wire);
}

/** A wire sends a message. */
export function noteSending(wire: object): void {
  if (wire === latest) return;
  const ref = watched.get(wire);
  const host = processOf();
  if (!ref || !host) return;
  latest = wire;
  if (sending.size === 0) {
    host.on('exit', onExit);
    later(CHECK_INTERVAL, check);
  }
  sending.add(ref);
}

function processOf(): Process | undefined {
  const { process } = globalThis as { readonly process?: Partial<Process> };
  return typeof process?.on === 'function' && typeof process.off === 'function' ? (process as Process) : undefined;
}

/** Removes the wires without pending messages, and the hook behind the last one. */
function check(): void {
  latest = undefined;
  for (const ref of sending) {
    const wire = ref.deref();
    if (!wire || wire.closed || wire.isStopped || !wire.session?.pending.size) sending.delete(ref);
  }
  if (sending.size > 0) later(CHECK_INTERVAL, check);
  else processOf()?.off('exit', onExit);
}

/** Returns the ids of the messages that are lost if the wire ends now. */
function lossesOf({ session }: ClientWire): string[] {
  if (!session) return [];
  return [...session.pending.values()].flatMap(({ id, type }) => (OF_RXWIRE.test(type) || session.isKept?.(id) ? [] : [id]));
}

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`);

const names = (ids: readonly string[]): string => `${ids.slice(0, MAX_IDS).join(', ')}${ids.length > MAX_IDS ? ', …' : ''}`;

function onExit(): void {
  let wires = 0;
  let others = 0;
  for (const ref of sending) {
    const wire = ref.deref();
    if (!wire) continue;
    const ids = lossesOf(wire);
    if (ids.length === 0) continue;
    if (++wires > MAX_WIRES) others += ids.length;
    else
      print(`the process ends, and ${messages(ids.length)} of the wire to ${endpointOf(wire)} may be lost, without an ack: ${names(ids)}`);
  }
  if (others > 0) print(`the process ends, and ${messages(others)} of ${wires - MAX_WIRES} other wires may be lost, without an ack`);
  const host = processOf();
  // `process.exit(0)` says that all went well.
  if (wires > 0 && host && Number(host.exitCode ?? 0) === 0) host.exitCode = 1;
}

function endpointOf(wire: ClientWire): string {
  try {
    return wire.state.endpoint || 'the server';
  } catch {
    // The outbox of an application has thrown.
    return 'the server';
  }
}

/** Prints at once: a warning of the process would come too late. */
function print(text: string): void {
  const { console } = globalThis as { readonly console?: { error(text: string): void } };
  console?.error(`RxwireWarning: ${warningOf('WARN_LOST_AT_EXIT', text)}`);
}

/**
 * The program unsubscribes a wire: warns if this gives up messages.
 *
 * @param isSeen Returns whether the program receives the failure of a message.
 */
export function noteUnsubscribed(wire: ClientWire, isSeen: (id: string) => boolean): void {
  if (wire.isStopped || !watched.has(wire)) return;
  const ids = lossesOf(wire).filter((id) => !isSeen(id));
  if (ids.length > 0)
    warnOnce(
      'WARN_LOST_AT_UNSUBSCRIBE',
      `unsubscribe() of the wire to ${endpointOf(wire)} has given up ${messages(ids.length)} without an ack: ${names(ids)}. complete() delivers them first`,
    );
}
