import { concatBytes } from '../../internal/bytes.js';
import { createRing } from '../../internal/ring.js';
import { encodeRecord, type Item, MAX_BODY } from './recordFormat.js';

/** Creates a queue of the records that wait for the next body. */
export function createRecordQueue() {
  const records = createRing<Uint8Array>();
  let bytes = 0;
  return {
    /** The size of all waiting records. */
    get bytes(): number {
      return bytes;
    },
    push(item: Item): void {
      const record = encodeRecord(item);
      records.push(record);
      bytes += record.length;
    },
    /** Removes the records of one body and returns the body. */
    take(): Uint8Array {
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
