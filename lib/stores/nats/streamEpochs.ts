import { nanoid } from 'nanoid';
import { firstValueFrom, timer } from 'rxjs';
import { wallTime } from '../../message/steadyScheduler.js';
import type { NatsContext } from './natsContext.js';
import type { NatsStream } from './natsStream.js';
import { entryOf } from './streamEntry.js';

export interface StreamEpoch {
  /** A later epoch is a greater text. */
  readonly epoch: string;
  /** Messages up to this position belong to an earlier epoch. */
  readonly since: number;
  readonly marker: number;
  readonly at: number;
}

/** The time in which the new leader of a stream finds its last entries, in ms. */
const LEADER_CHANGE_TIME = 500;

/**
 * The epoch is a message in the stream itself, the marker. If the stream is purged or recreated,
 * the marker is lost too, and the next server that checks writes a new one. It is written only
 * directly behind the marker that was read, so that one of several servers succeeds.
 *
 * @param subject The subject of the marker.
 * @param entries The subjects of the entries, which contain their epoch.
 */
export function createEpochs({ scheduler }: Pick<NatsContext, 'scheduler'>, stream: NatsStream, subject: string, entries: string) {
  /** The highest sequence number that was seen, and the epoch in which it counts. */
  const seen = { head: 0, epoch: '' };

  /** Does nothing if another server has written a marker in the meantime. */
  const writeMarker = (data: string, behind: number): Promise<unknown> => stream.append({ subject, data, behind });
  const begin = (behind: number): Promise<unknown> => writeMarker(`${laterEpoch(seen.epoch, wallTime(scheduler))} 0`, behind);
  /**
   * Writes the marker again if the stream has removed it as an old message: the entries that remain
   * are behind it. Otherwise starts an epoch.
   */
  const resume = async (): Promise<unknown> => {
    const [latest, { state }] = await Promise.all([stream.get({ last_by_subj: entries }), stream.info()]);
    const epoch = latest && entryOf(latest).epoch;
    return epoch === undefined || state.first_seq <= 1 ? begin(0) : writeMarker(`${epoch} 1`, 0);
  };
  /** Returns the epoch of the stream. Starts one if there is none. */
  const current = async (isRepeated = false): Promise<StreamEpoch> => {
    const mark = await stream.get({ last_by_subj: subject });
    const streamEpoch = mark && parseEpoch(mark.string(), mark.seq, mark.time.getTime());
    if (!streamEpoch) {
      if (isRepeated) throw new Error('the mark of the epoch does not stay');
      await (mark ? begin(mark.seq) : resume());
      return current(true);
    }
    // Another epoch begins with another numbering.
    if (seen.epoch !== streamEpoch.epoch) Object.assign(seen, { epoch: streamEpoch.epoch, head: streamEpoch.marker });
    return streamEpoch;
  };
  /** Reports an entry that the stream has in an epoch. */
  const observe = (seq: number, epoch: string): void => {
    // Another epoch may number its entries anew.
    if (epoch === seen.epoch) seen.head = Math.max(seen.head, seq);
  };
  const isShort = async ({ epoch }: StreamEpoch): Promise<boolean> => {
    // The stream may grow while the answer is under way. In another epoch, the marker is another.
    const head = epoch === seen.epoch ? seen.head : 0;
    const { state } = await stream.info();
    observe(state.last_seq, epoch);
    return state.last_seq < head;
  };

  return {
    current: () => current(),
    observe,
    /**
     * Starts a new epoch if the stream has lost its end: if it is shorter than what this server has
     * seen of it, and still is after a pause. It has lost it with the power of its machines, and
     * uses sequence numbers again.
     */
    async verify(): Promise<StreamEpoch> {
      const streamEpoch = await current();
      if (!(await isShort(streamEpoch))) return streamEpoch;
      await firstValueFrom(timer(LEADER_CHANGE_TIME, scheduler));
      if (!(await isShort(streamEpoch))) return streamEpoch;
      await begin(streamEpoch.marker);
      return current();
    },
    /** Writes the same marker again, before it is evicted as an old message. */
    refresh: ({ epoch, since, marker }: StreamEpoch) => writeMarker(`${epoch} ${since}`, marker),
  };
}

/** Returns a later epoch: a `z`, the time in 8 digits, and a random character. */
export function laterEpoch(epoch: string, now: number): string {
  const before = /^z[0-9a-z]{8}/.test(epoch) ? parseInt(epoch.slice(1, 9), 36) : 0;
  return `z${Math.max(now, before + 1)
    .toString(36)
    .padStart(8, '0')}${nanoid(1)}`;
}

/** Parses a marker; undefined if it is not one. */
export function parseEpoch(text: string, seq: number, at: number): StreamEpoch | undefined {
  const [, epoch, since] = /^([A-Za-z0-9_-]{10}) (\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, since: Number(since) || seq, marker: seq, at };
}
