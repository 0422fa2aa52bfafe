import { nanoid } from 'nanoid';
import { firstValueFrom, timer } from 'rxjs';
import { StoreError } from '../errors.js';
import type { NatsContext } from './natsContext.js';
import { codeOf, WRONG_LAST_SEQUENCE } from './natsFaults.js';

/** An epoch of the stream. */
export interface StreamEpoch {
  readonly epoch: string;
  /** Messages up to this position belong to an earlier epoch. */
  readonly since: number;
  /** The position of the marker message. */
  readonly marker: number;
  /** The time at which the marker was written. */
  readonly at: number;
}

/**
 * The epoch is a message in the stream itself, the marker. If the stream is purged or recreated,
 * the marker is lost too, and the next server that checks writes a new one. It is written only
 * directly behind the marker that was read, so that one of several servers succeeds.
 */
export interface Epochs {
  /** Returns the epoch of the stream. Starts one if there is none. */
  readonly current: () => Promise<StreamEpoch>;
  /** Writes the same marker again, before it is evicted as an old message. */
  readonly refresh: (streamEpoch: StreamEpoch) => Promise<void>;
  /** Reports an entry that the stream has in an epoch. */
  readonly observe: (seq: number, epoch: string) => void;
  /**
   * Starts a new epoch if the stream has lost its end: if it is shorter than what this server has
   * seen of it, and still is after a pause. It has lost it with the power of its machines, and uses
   * sequence numbers again.
   */
  readonly verify: () => Promise<StreamEpoch>;
}

const ATTEMPTS = 5;
/** The time in which the new leader of a stream finds its last entries, in ms. */
const SETTLING = 500;

export function createEpochs({ client, manager, stream, subjects, timeout, scheduler }: NatsContext): Epochs {
  /** The highest sequence number that was seen, and the marker from which on it counts. */
  const seen = { head: 0, epoch: '' };

  /** Does nothing if another server has written a marker in the meantime. */
  const writeMarker = async (text: string, behind: number): Promise<void> => {
    try {
      await client.publish(subjects.epoch, text, { timeout, expect: { lastSubjectSequence: behind } });
    } catch (error) {
      if (codeOf(error) !== WRONG_LAST_SEQUENCE) throw error;
    }
  };
  const begin = (behind: number): Promise<void> => writeMarker(`${nanoid(10)} 0`, behind);
  const current = async (): Promise<StreamEpoch> => {
    const { streams } = await manager();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const mark = await streams.getMessage(stream, { last_by_subj: subjects.epoch });
      const streamEpoch = mark && parseEpoch(mark.string(), mark.seq, mark.time.getTime());
      if (streamEpoch) {
        // Another epoch begins with another numbering.
        if (seen.epoch !== streamEpoch.epoch) Object.assign(seen, { epoch: streamEpoch.epoch, head: streamEpoch.marker });
        return streamEpoch;
      }
      await begin(mark?.seq ?? 0);
    }
    throw new StoreError('nats', 'corrupt', new Error('the mark of the epoch does not stay'));
  };
  const observe = (seq: number, epoch: string): void => {
    // Another epoch may number its entries anew.
    if (epoch === seen.epoch) seen.head = Math.max(seen.head, seq);
  };
  const isShort = async (): Promise<boolean> => {
    // The stream may grow while the answer is under way.
    const { head, epoch } = seen;
    const { state } = await (await manager()).streams.info(stream);
    observe(state.last_seq, epoch);
    return state.last_seq < head;
  };

  return {
    current,
    observe,
    async verify() {
      const streamEpoch = await current();
      if (!(await isShort())) return streamEpoch;
      await firstValueFrom(timer(SETTLING, scheduler));
      if (!(await isShort())) return streamEpoch;
      await begin(streamEpoch.marker);
      return current();
    },
    async refresh({ epoch, since, marker }) {
      await writeMarker(`${epoch} ${since}`, marker);
    },
  };
}

/** Parses a marker; undefined if it is not one. */
export function parseEpoch(text: string, seq: number, at: number): StreamEpoch | undefined {
  const [, epoch, since] = /^([A-Za-z0-9_-]{10}) (\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, since: Number(since) || seq, marker: seq, at };
}
