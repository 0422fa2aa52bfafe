import { concatBytes } from '../../internal/concatBytes.js';
import { createRing } from '../../internal/ring.js';
import { MAX_BODY } from './bodyLimit.js';
import { encodeRecord, type Item } from './recordFormat.js';

/** The records that wait for the next body. */
export interface RecordQueue {
  /** The size of all waiting records. */
  readonly bytes: number;
  readonly push: (item: Item) => void;
  /** Removes the records of one body and returns the body. */
  readonly take: () => Uint8Array;
}

export function createRecordQueue(): RecordQueue {
  const records = createRing<Uint8Array>();
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    push(item) {
      const record = encodeRecord(item);
      records.push(record);
      bytes += record.length;
    },
    take() {
      const taken: Uint8Array[] = [];
      let size = 0;
      for (let next = records.peek(); next && (size === 0 || size + next.length <= MAX_BODY); next = records.peek()) {
        records.shift();
        taken.push(next);
        size += next.length;
      }
      bytes -= size;
      return concatBytes(taken);
    },
  };
}
