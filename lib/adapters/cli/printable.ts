import { escapeControls } from '../../message/escapeControls.js';
import type { Message } from '../../message/types.js';
import { nearestRank } from '../../operators/metrics/nearestRank.js';

/**
 * Returns a value as one line of JSON: bytes as `{ "base64": … }`, a BigInt as its digits, a Map as
 * its entries, a Set as its values. Characters that control a terminal are escaped.
 */
export function jsonLine(value: unknown): string {
  return escapeControls(JSON.stringify(value ?? null, asJson));
}

function asJson(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
  if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)];
  return value;
}

/** Returns a message as a line for a person: its time, type, source and payload. */
export function messageText(
  { timestamp, type, source, payload }: Message,
  style: (style: 'gray' | 'cyan', text: string) => string,
): string {
  const text = typeof payload === 'string' ? escapeControls(payload) : jsonLine(payload);
  return [style('gray', timeOfDay(timestamp)), style('cyan', escapeControls(type)), style('gray', escapeControls(source)), text].join('  ');
}

/** Returns the local time of day, as `12:03:04.056`; the timestamp itself if it is no date. */
export function timeOfDay(timestamp: number): string {
  const local = new Date(timestamp - new Date(timestamp).getTimezoneOffset() * 60_000);
  return Number.isNaN(local.getTime()) ? String(timestamp) : local.toISOString().slice(-13, -1);
}

/** Returns the value below which this share of some sorted values is, by the nearest rank. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[nearestRank(share, sorted.length)] ?? 0;
}

export type Percentiles = ReturnType<typeof percentiles>;

/** Returns percentiles of some times, of which there must be one at least, rounded to 0.01. */
export function percentiles(times: readonly number[]) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(percentile(sorted, share) * 100) / 100;
  return { min: at(0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Returns a monotonic time in ms, with its fractions. */
export function preciseNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
