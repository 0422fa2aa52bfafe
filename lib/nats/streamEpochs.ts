import { nanoid } from 'nanoid';
import { StoreError } from '../errors.js';
import { codeOf, WRONG_LAST_SEQUENCE, type NatsContext } from './natsContext.js';

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
 * The epoch is a message in the stream itself, the marker. If the stream is purged or recreated, the marker is lost too, and the next
 * server that
 * checks writes a new one. It is written only directly behind the marker that was read, so that one of several servers succeeds.
 */
export interface Epochs {
  /** Returns the epoch of the stream. Starts one if there is none. */
  readonly current: () => Promise<StreamEpoch>;
  /** Starts a new epoch, because the stream has lost messages. */
  readonly renew: (streamEpoch: StreamEpoch) => Promise<StreamEpoch>;
  /** Writes the same marker again, before it is evicted as an old message. */
  readonly refresh: (streamEpoch: StreamEpoch) => Promise<void>;
}

const ATTEMPTS = 5;

export function createEpochs({ client, subjects, latest, timeout }: NatsContext): Epochs {
  /** Returns false if another server has written a marker meanwhile. */
  const writeMarker = async (text: string, behind: number): Promise<boolean> => {
    try {
      await client.publish(subjects.epoch, text, { timeout, expect: { lastSubjectSequence: behind } });
      return true;
    } catch (error) {
      if (codeOf(error) === WRONG_LAST_SEQUENCE) return false;
      throw error;
    }
  };
  const begin = (behind: number): Promise<boolean> => writeMarker(`${nanoid(10)} 0`, behind);
  const current = async (): Promise<StreamEpoch> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const mark = await latest(subjects.epoch);
      const streamEpoch = mark && parseEpoch(mark.string(), mark.seq, mark.time.getTime());
      if (streamEpoch) return streamEpoch;
      await begin(mark?.seq ?? 0);
    }
    throw new StoreError('nats', 'corrupt', new Error('the mark of the epoch does not stay'));
  };
  return {
    current,
    async renew({ marker }) {
      await begin(marker);
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
