import { nanoid } from 'nanoid';
import { StoreError } from '../errors.js';
import { codeOf, WRONG_LAST_SEQUENCE, type Broker } from './broker.js';

/** One life of the stream. */
export interface Era {
  readonly epoch: string;
  /** What is in the stream up to here belongs to an earlier life. */
  readonly since: number;
  /** Where the mark stands that says so. */
  readonly mark: number;
  /** When it was written. */
  readonly at: number;
}

/**
 * The epoch is a message in the stream itself: what empties the stream or makes it anew takes the mark with it, and the next server that
 * looks sets another one. It is written only behind the mark that was read, so that of several servers one does it.
 */
export interface Epochs {
  /** As the stream has it; begins one, where it has none. */
  readonly current: () => Promise<Era>;
  /** Begins another one: the stream has lost something. */
  readonly renew: (era: Era) => Promise<Era>;
  /** Writes the same mark again, before it is so old that it goes. */
  readonly refresh: (era: Era) => Promise<void>;
}

const ATTEMPTS = 5;

export function createEpochs({ client, subjects, latest, timeout }: Broker): Epochs {
  /** Whether that was done: not, where another server has been there. */
  const write = async (text: string, behind: number): Promise<boolean> => {
    try {
      await client.publish(subjects.epoch, text, { timeout, expect: { lastSubjectSequence: behind } });
      return true;
    } catch (error) {
      if (codeOf(error) === WRONG_LAST_SEQUENCE) return false;
      throw error;
    }
  };
  const begin = (behind: number): Promise<boolean> => write(`${nanoid(10)} 0`, behind);
  const current = async (): Promise<Era> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const mark = await latest(subjects.epoch);
      const era = mark && eraOf(mark.string(), mark.seq, mark.time.getTime());
      if (era) return era;
      await begin(mark?.seq ?? 0);
    }
    throw new StoreError('nats', 'corrupt', new Error('the mark of the epoch does not stay'));
  };
  return {
    current,
    async renew({ mark }) {
      await begin(mark);
      return current();
    },
    async refresh({ epoch, since, mark }) {
      await write(`${epoch} ${since}`, mark);
    },
  };
}

/** What a mark says; nothing, for one that we have not written. */
export function eraOf(text: string, seq: number, at: number): Era | undefined {
  const [, epoch, since] = /^([A-Za-z0-9_-]{10}) (\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, since: Number(since) || seq, mark: seq, at };
}
