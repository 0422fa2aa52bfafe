import { InFlight } from '../../../lib/session/send/inFlight.js';
import type { Violate } from './violation.js';

const CHANGES = ['begin', 'add', 'attach', 'acknowledge', 'swap', 'clear'] as const;

/** Checks what each sender counts of its batches, after each change, for as long as `run` runs. */
export function watchSums(violate: Violate, run: () => void): void {
  const prototype = InFlight.prototype as unknown as Record<string, (this: InFlight, ...args: unknown[]) => unknown>;
  const originals = Object.fromEntries(CHANGES.map((name) => [name, prototype[name]!]));
  for (const name of CHANGES) {
    prototype[name] = function (...args) {
      const result = originals[name]!.apply(this, args);
      checkSums(this, violate);
      return result;
    };
  }
  try {
    run();
  } finally {
    Object.assign(prototype, originals);
  }
}

function checkSums(inFlight: InFlight, violate: Violate): void {
  const batches = inFlight.all();
  const bytes = batches.reduce((sum, { frame }) => sum + frame.length, 0);
  const count = batches.reduce((sum, { messages }) => sum + messages.length, 0);
  if (inFlight.bytes !== bytes) violate('sums', `a sender counts ${inFlight.bytes} bytes, and has ${bytes}`);
  if (inFlight.count !== count) violate('sums', `a sender counts ${inFlight.count} messages, and has ${count}`);
  if (inFlight.bytesSent > bytes) violate('sums', `a sender has sent ${inFlight.bytesSent} bytes, and has ${bytes}`);
}
