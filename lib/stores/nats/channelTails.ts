import { defer, finalize, firstValueFrom, Subject, Subscription, timer, type Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../../channels/channelLog.js';
import { StoreError } from '../../message/errors.js';
import type { Message } from '../../message/types.js';
import type { ChannelHeads } from './channelHeads.js';
import type { LogContext } from './logContext.js';
import { failed, type NatsMessage } from './natsContext.js';
import { offsetOf, republishedEntry, type StreamEntry } from './streamEntry.js';

export type ChannelTails = ReturnType<typeof createChannelTails>;

/**
 * The tails of this server, one for each channel that has subscribers, and each with a subscription
 * of core NATS.
 *
 * @param onAdded Called when a channel gets its first subscriber.
 */
export function createChannelTails(log: LogContext, heads: ChannelHeads, onAdded: () => void) {
  const tails = new Map<string, ChannelTail>();
  let epoch = '';
  /** The earlier epoch that the latest check has found in the stream. */
  let doubted = '';

  /** Fails all tails: the hub subscribes again and reads the missed messages. */
  const fail = (reason: unknown): void => {
    for (const tail of [...tails.values()]) tail.fail(reason);
  };
  /**
   * Reports an epoch of the stream. A later one than that of the tails ends them, and returns
   * false. An earlier one means nothing: its writer knows no later one.
   */
  const observe = (known: string): boolean => {
    const isOther = epoch !== '' && known > epoch;
    if (known > epoch) epoch = known;
    if (isOther) fail('another epoch has begun');
    return !isOther;
  };
  /**
   * Takes the epoch that a check has found in the stream. An earlier one than before the check also
   * ends the tails, when two checks have found it: a server whose clock is slow has begun it.
   *
   * @param before The epoch of the tails when the check has begun.
   */
  const confirm = (found: string, before: string): void => {
    const isEarlier = before === epoch && found < epoch;
    if (isEarlier && found === doubted) {
      epoch = found;
      fail('another epoch has begun');
    } else observe(found);
    doubted = isEarlier ? found : '';
  };
  const epochOf: EpochOf = ({ epoch: known = '' }) => (observe(known) && epoch) || undefined;
  const open = (channel: string): ChannelTail => {
    const onClose = (): void => {
      if (tails.get(channel) === tail) tails.delete(channel);
    };
    const tail = createChannelTail(log, heads, channel, epochOf, onClose);
    tails.set(channel, tail);
    onAdded();
    return tail;
  };
  return {
    observe,
    confirm,
    epoch: () => epoch,
    forgetEpoch: (): void => void (epoch = ''),
    get: (channel: string) => tails.get(channel),
    all: (): readonly ChannelTail[] => [...tails.values()],
    of: (channel: string): Observable<ChannelEntry | ChannelBroadcast> =>
      defer(() => {
        const { entries$, close } = tails.get(channel) ?? open(channel);
        return entries$.pipe(
          finalize(() => {
            if (!entries$.observed) close();
          }),
        );
      }),
    fail,
    /**
     * Sends a message to the tails of a channel on all servers, without storing it.
     *
     * @throws {StoreError} While there is no connection: the client of NATS would keep the message,
     *   and send it late.
     */
    broadcast: (channel: string, message: Message): void => {
      const frame = log.encode([message]);
      if (!log.isConnected()) throw failed(new Error('the connection to NATS is lost'));
      log.connection.publish(log.subjects.liveOf(channel), frame);
    },
  };
}

export type ChannelTail = ReturnType<typeof createChannelTail>;

/** The number of reads that may miss a copied entry: a former leader may answer. */
const ATTEMPTS = 5;
/** The number of the latest copies that are kept while the stream is read. */
const MAX_COPIES = 64;
/** The time in which a copy arrives that is on its way, in ms. */
const PROPAGATION_TIME = 250;

/** Returns the epoch of the tails; undefined if the entry may not be emitted. */
type EpochOf = (entry: Pick<StreamEntry, 'epoch'>) => string | undefined;

/** The last entry that a tail has emitted; before that, the one that a reader has read. */
interface TailPlace {
  readonly seq: number;
  readonly isEmitted: boolean;
  /** Whether the channel had no entry up to that number. */
  readonly isEmpty: boolean;
}

function isKnown({ seq }: StreamEntry, last: TailPlace | undefined): boolean {
  return last?.isEmitted === true && seq <= last.seq;
}

function isBehind({ previous = 0 }: StreamEntry, last: TailPlace | undefined): boolean {
  return last !== undefined && previous > last.seq;
}

/**
 * Emits the entries of one channel, each once and in order. JetStream copies each stored entry to
 * the tail, with the number of the previous entry. When the previous entry is missing, the tail
 * reads the missed entries from the stream.
 */
function createChannelTail(log: LogContext, heads: ChannelHeads, channel: string, epochOf: EpochOf, onClose: () => void) {
  const { reader, subjects, decode } = log;
  const subject = subjects.of(channel);
  const entries$ = new Subject<ChannelEntry | ChannelBroadcast>();
  const listening = new Subscription(onClose);
  let [last, reading]: [TailPlace?, Promise<void>?] = [];
  /** The copies that arrived while the stream was read; and whether none has arrived lately. */
  let [copies, isIdle] = [[] as StreamEntry[], true];

  const fail = (reason: unknown): void => {
    listening.unsubscribe();
    entries$.error(typeof reason === 'string' ? new StoreError('nats', 'evicted', new Error(reason)) : failed(reason));
  };
  /** Emits the messages of an entry that is not known. Returns false if it may not be emitted. */
  const emit = (entry: StreamEntry): boolean => {
    if (isKnown(entry, last)) return true;
    const epoch = epochOf(entry);
    if (epoch === undefined) return false;
    last = { seq: entry.seq, isEmitted: true, isEmpty: false };
    const messages = decode(entry.data, entry.subject);
    heads.observe(entry, messages);
    // The hub reads again, which is a gap. An entry of another program has no epoch.
    if (messages.length === 0 && entry.epoch !== undefined) fail('an entry is unreadable');
    for (const [index, message] of messages.entries()) entries$.next({ epoch, offset: offsetOf(entry.seq, index), message });
    return true;
  };
  /** Emits the copies up to the first gap. Returns whether there is none. */
  const emitCopies = (): boolean => {
    for (let [entry] = copies; entry; [entry] = copies) {
      if (isBehind(entry, last)) return false;
      copies.shift();
      // The check reads what may not be emitted now.
      if (!emit(entry)) copies = [];
    }
    return true;
  };
  /** Reads what is missing in front of the copies; without copies, up to the end of the channel. */
  const readMissed = async (): Promise<void> => {
    for (let attempt = 0; attempt < ATTEMPTS;) {
      const hasCopies = copies.length > 0;
      if (emitCopies() && hasCopies) return;
      const entry = await log.retry(() => reader.next(subject, last ? last.seq + 1 : 1));
      if (!entry && copies.length === 0) return;
      if (entry && last && (isBehind(entry, last) || (entry.previous === 0 && !last.isEmpty))) {
        fail('messages were removed before they were read');
        return;
      }
      if (!entry) attempt++;
      else if (!emit(entry)) return;
    }
    fail('an entry that was copied is not in the stream');
  };
  const heal = (): Promise<void> => (reading ??= readMissed().finally(() => (reading = undefined)));
  const receive = (received: NatsMessage): void => {
    const entry = republishedEntry(received);
    if (!entry) {
      for (const message of decode(received.data, received.subject)) entries$.next({ message });
    } else if (reading || isBehind(entry, last)) {
      copies.push(entry);
      if (copies.length > MAX_COPIES) copies.shift();
      heal().catch(fail);
    } else emit(entry);
    isIdle &&= !entry;
  };
  const begin = (seq: number, isEmpty: boolean): void => void (last ??= { seq, isEmitted: false, isEmpty });
  listening.add(log.listen(subjects.liveOf(channel), receive));

  return {
    entries$,
    close: (): void => listening.unsubscribe(),
    /** Ends the tail with a reason or an error: messages may be missing. */
    fail,
    /** Whether the tail knows which entries it must have received. */
    hasBegun: () => last !== undefined,
    /**
     * Reports the last entry of the channel that a reader has read: entries behind it must arrive.
     * `isEmpty`: there is none up to that number.
     */
    begin,
    /** Looks for entries in the stream that were not copied to the tail. Rejects if that fails. */
    async look(): Promise<void> {
      const from = last && last.seq + 1;
      const entry = await log.retry(() => (from === undefined ? reader.latest(subject) : reader.next(subject, from)));
      begin(entry?.seq ?? 0, !entry);
      if (!entry || from === undefined || isKnown(entry, last)) return;
      // A read may overtake a copy.
      await firstValueFrom(timer(PROPAGATION_TIME, log.scheduler));
      if (!isKnown(entry, last)) await heal();
    },
    /** Returns whether no copy has arrived since the last call. */
    wasIdle(): boolean {
      const wasIdle = isIdle;
      isIdle = true;
      return wasIdle;
    },
  };
}
