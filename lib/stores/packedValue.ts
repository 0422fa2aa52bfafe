import { Packr } from 'msgpackr';

/** For stored values. Records of msgpackr would compile code from the keys of objects. */
const packr = new Packr({ useRecords: false });

/** Returns a value as MessagePack. @throws {Error} If MessagePack does not support it. */
export function packValue(value: unknown): Buffer {
  return packr.pack(value);
}

/** Returns the value; `undefined` if the bytes are not readable. */
export function unpackValue(packed: Uint8Array): unknown {
  try {
    // From a Buffer, the bytes of a value would be Buffers, too.
    return packr.unpack(new Uint8Array(packed)) as unknown;
  } catch {
    return undefined;
  }
}
