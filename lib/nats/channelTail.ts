import { firstValueFrom, Subject, Subscription, timer } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../app/hub/channelLog.js';
import { StoreError } from '../errors.js';
import type { ChannelHeads } from './channelHeads.js';
import type { LogContext } from './logContext.js';
import type { NatsMessage } from './natsContext.js';
import { failed } from './natsFaults.js';
import { offsetOf, republishedEntry, type StreamEntry } from './streamEntry.js';
import type { TailEpoch } from './tailEpoch.js';

export interface TailParts {
  readonly heads: ChannelHeads;
  readonly epoch: TailEpoch;
  /** Called when the tail is closed. */
  readonly onClose: () => void;
}

export type ChannelTail = ReturnType<typeof createChannelTail>;

/**
 * The number of reads that may miss an entry which was copied already: a former leader may answer.
 */
const ATTEMPTS = 5;
/**
 * The number of copies that are kept while the stream is read; the stream has what does not fit.
 */
const MAX_COPIES = 64;
/** The time in which a copy arrives that is on its way, in ms. */
const SETTLING = 250;

/**
 * Emits the entries of one channel, each once and in order. JetStream copies each stored entry to
 * the tail, with the number of the previous entry. When the previous entry is missing, the tail
 * reads the missed entries from the stream.
 */
export function createChannelTail(log: LogContext, channel: string, parts: TailParts) {
  const { reader, scheduler, subjects, listen, decode } = log;
  const subject = subjects.of(channel);
  const entries$ = new Subject<ChannelEntry | ChannelBroadcast>();
  const place = createTailPlace(log, parts, entries$);
  const { isKnown, isBehind, isHole, emit } = place;
  const listening = new Subscription(parts.onClose);
  let reading: Promise<void> | undefined;
  /** The copies that arrived while the stream was read, and whether there were more. */
  let copies: StreamEntry[] = [];
  let [isOverfull, isIdle] = [false, true];

  const fail = (reason: unknown): void => {
    listening.unsubscribe();
    entries$.error(typeof reason === 'string' ? new StoreError('nats', 'evicted', new Error(reason)) : failed(reason));
  };
  /**
   * Emits the copies that arrived in the meantime, up to the first gap. Returns whether there is no
   * gap.
   */
  const emitCopies = (): boolean => {
    const [kept, wasOverfull] = [copies, isOverfull];
    [copies, isOverfull] = [[], false];
    for (const [index, entry] of kept.entries()) {
      if (isKnown(entry)) continue;
      if (isBehind(entry)) {
        [copies, isOverfull] = [kept.slice(index), wasOverfull];
        return false;
      }
      // Without its epoch, the check reads it again.
      if (!emit(entry)) return true;
    }
    return !wasOverfull;
  };
  /** Reads what is missing in front of the copies; without copies, up to the end of the channel. */
  const readMissed = async (): Promise<void> => {
    for (let attempt = 0; attempt < ATTEMPTS;) {
      const hasCopies = copies.length > 0;
      const isWhole = emitCopies();
      if (isWhole && hasCopies) return;
      const entry = await log.retry(() => reader.next(subject, place.next() ?? 1));
      if (!entry && isWhole && copies.length === 0) return;
      if (entry && isHole(entry)) {
        fail('messages were removed before they were read');
        return;
      }
      if (!entry) attempt++;
      else if (!isKnown(entry) && !emit(entry)) return;
    }
    fail('an entry that was copied is not in the stream');
  };
  const heal = (): Promise<void> => (reading ??= readMissed().finally(() => (reading = undefined)));
  const keep = (entry: StreamEntry): void => {
    if (copies.length < MAX_COPIES) copies.push(entry);
    else isOverfull = true;
    heal().catch(fail);
  };
  const receive = (received: NatsMessage): void => {
    const entry = republishedEntry(received);
    isIdle &&= entry === undefined;
    if (!entry) for (const message of decode(received.data, received.subject)) entries$.next({ message });
    else if (!isKnown(entry) && (reading || isBehind(entry))) keep(entry);
    else if (!isKnown(entry)) emit(entry);
  };
  listening.add(listen(subjects.liveOf(channel), receive));

  return {
    entries$,
    close: (): void => listening.unsubscribe(),
    /** Ends the tail with a reason or an error: messages may be missing. */
    fail,
    /** Whether the tail knows which entries it must have received. */
    hasBegun: () => place.next() !== undefined,
    begin: place.begin,
    /** Looks for entries in the stream that were not copied to the tail. Rejects if that fails. */
    async look(): Promise<void> {
      const from = place.next();
      const entry = await log.retry(() => (from === undefined ? reader.latest(subject) : reader.next(subject, from)));
      place.begin(entry?.seq ?? 0, !entry);
      if (!entry || from === undefined || isKnown(entry)) return;
      // A read may overtake a copy.
      await firstValueFrom(timer(SETTLING, scheduler));
      if (!isKnown(entry)) await heal();
    },
    /** Returns whether no copy has arrived since the last call. */
    wasIdle(): boolean {
      const wasIdle = isIdle;
      isIdle = true;
      return wasIdle;
    },
  };
}

/**
 * The place of a tail in its channel: behind the last entry that was emitted; before that, behind
 * the one that a reader has read.
 */
function createTailPlace({ decode }: LogContext, { heads, epoch }: TailParts, entries$: Subject<ChannelEntry | ChannelBroadcast>) {
  let last: { readonly seq: number; readonly isEmitted: boolean; readonly isEmpty: boolean } | undefined;
  return {
    /** The lowest sequence number of an entry behind the place. */
    next: (): number | undefined => last && last.seq + 1,
    /**
     * Reports the last entry of the channel that a reader has read: entries behind it must arrive.
     * `isEmpty`: there is none up to that number.
     */
    begin: (seq: number, isEmpty: boolean): void => void (last ??= { seq, isEmitted: false, isEmpty }),
    isKnown: ({ seq }: StreamEntry): boolean => last?.isEmitted === true && seq <= last.seq,
    /** Whether there are entries in front of an entry, and behind the place. */
    isBehind: ({ previous = 0 }: StreamEntry): boolean => last !== undefined && previous > last.seq,
    /** Whether entries in front of an entry that was read, and behind the place, were removed. */
    isHole: ({ previous }: StreamEntry): boolean =>
      last !== undefined && previous !== undefined && (previous > last.seq || (previous === 0 && !last.isEmpty)),
    /** Emits the messages of an entry. Returns false if their epoch is not known. */
    emit: (entry: StreamEntry): boolean => {
      const known = epoch.of(entry);
      if (known === undefined) return false;
      last = { seq: entry.seq, isEmitted: true, isEmpty: false };
      const messages = decode(entry.data, entry.subject);
      heads.observe(entry, messages);
      for (const [index, message] of messages.entries()) entries$.next({ epoch: known, offset: offsetOf(entry.seq, index), message });
      return true;
    },
  };
}
