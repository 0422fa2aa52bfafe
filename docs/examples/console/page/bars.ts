import { the } from './dom.js';

export const BARS = 36;
const [WIDTH, HEIGHT, UNKNOWN] = [180, 44, 10];

/**
 * Draws values as bars, the latest on the right; what is unknown is a mark of another colour.
 *
 * @param id The `<svg>` whose paths are called `<id>-empty`, `<id>-bar` and `<id>-offline`.
 * @param share How high the bar of a value is, from 0 to 1.
 */
export function drawBars<T extends number>(id: string, values: readonly (T | undefined)[], share: (value: T) => number): void {
  const paths = { empty: '', bar: '', offline: '' };
  for (let slot = 0; slot < BARS; slot++) {
    const index = slot - (BARS - values.length);
    const value = values[index];
    const kind = index < 0 ? 'empty' : value === undefined ? 'offline' : 'bar';
    const height = value === undefined ? (index < 0 ? 2 : UNKNOWN) : Math.max(2, Math.min(1, share(value)) * HEIGHT);
    paths[kind] += `M${((slot + 0.5) * WIDTH) / BARS},${HEIGHT}V${HEIGHT - height}`;
  }
  for (const [kind, path] of Object.entries(paths)) the(`${id}-${kind}`, SVGPathElement).setAttribute('d', path);
}
