import fc from 'fast-check';
import { DecodeError, EncodeError, InvalidMessageError } from '../../lib/message/errors.js';
import type { Message } from '../../lib/message/types.js';
import { mutations } from '../codec/mutations.js';
import type { Composition } from './compositions.js';
import { collectedHeap } from './heap.js';
import { arrived, same } from './same.js';

/** What has come of it; `faults` is empty when all is well. */
export interface Report {
  readonly faults: readonly string[];
  readonly accepted: number;
  readonly refused: number;
  /** The longest that a frame has taken, in ms: the best of three runs. */
  readonly slowest: number;
  /** MiB that are held in the end, beyond those at first. */
  readonly grown: number;
}

/** No small frame may keep us busy for longer, in ms. */
const MAX_TIME = 100;
/** Nothing of what came may stay, in MiB: but for what the runtime itself keeps. */
const MAX_GROWTH = 8;

/** Random batches come back as they were. */
export function roundTrips({ codec, batches }: Composition, cases: number, seed: number): readonly string[] {
  const comesBack = fc.property(batches, (batch) => same(codec.decode(codec.encode(batch)), batch));
  const result = fc.check(comesBack, { numRuns: cases, seed });
  return result.failed ? [fc.defaultReportMessage(result) ?? 'failed'] : [];
}

/** What the other side reads, when it reads all that was encoded: nothing may be refused there, changed on a second way, or miscounted. */
export function difference({ codec, arrives }: Pick<Composition, 'codec' | 'arrives'>, batch: readonly Message[]): string | undefined {
  let frame: string | Uint8Array;
  try {
    frame = codec.encode(batch);
  } catch (error) {
    return error instanceof EncodeError || error instanceof InvalidMessageError ? undefined : `encode threw ${String(error)}`;
  }
  try {
    const received = codec.decode(frame);
    if (received.length !== batch.length) return `${batch.length} messages were encoded, and ${received.length} decoded`;
    const lost = received.findIndex((message, index) => !arrived(batch[index] as Message, message, arrives));
    if (lost >= 0) return `[${lost}] has arrived as another message`;
    return same(codec.decode(codec.encode(received)), received) ? undefined : 'changes when it is sent on';
  } catch (error) {
    return `decode threw ${String(error)}`;
  }
}

/** Whatever `encode` accepts, `decode` reads. */
export function differences({ anyBatches, ...composition }: Omit<Composition, 'batches'>, cases: number, seed: number): readonly string[] {
  const result = fc.check(
    fc.property(anyBatches, (batch) => {
      const fault = difference(composition, batch);
      if (fault) throw new Error(fault);
    }),
    { numRuns: cases, seed },
  );
  return result.failed ? [`${String(result.errorInstance)}\n${fc.defaultReportMessage(result) ?? 'failed'}`] : [];
}

/** Frames that were good once are read, or refused by an error of ours, in time, and nothing of them stays. What was read can be sent on. */
export async function mutate({ codec, batches }: Composition, count: number, seed: number, heldNow = collectedHeap): Promise<Report> {
  const frames = fc.sample(batches, { numRuns: 200, seed }).map((batch) => codec.encode(batch));
  const prototypes = [Object.prototype, Array.prototype, Map.prototype, Function.prototype];
  const before = prototypes.map((prototype) => Reflect.ownKeys(prototype).map(String).join());
  const faults: string[] = [];
  let [accepted, slowest] = [0, 0];

  // What is compiled and cached is no growth.
  for (const frame of mutations(frames, Math.min(count, 1_000), seed)) attempt(frame);
  accepted = 0;
  const held = await heldNow();
  for (const frame of mutations(frames, count, seed + 1)) {
    const fault = attempt(frame);
    if (fault && faults.length < 10) faults.push(`${fault}: ${typeof frame === 'string' ? frame : Buffer.from(frame).toString('hex')}`);
  }
  const grown = ((await heldNow()) - held) / 2 ** 20;

  if (grown > MAX_GROWTH) faults.push(`${grown.toFixed(1)} MiB have stayed`);
  prototypes.forEach((prototype, index) => {
    if (Reflect.ownKeys(prototype).map(String).join() !== before[index]) faults.push('a prototype has changed');
  });
  return { faults, accepted, refused: count - accepted, slowest, grown };

  function attempt(frame: string | Uint8Array): string | undefined {
    let best = Infinity;
    let result: ReturnType<typeof decoded> = {};
    for (let run = 0; run < 3 && best >= MAX_TIME; run++) {
      const [start, used] = [performance.now(), process.cpuUsage()];
      result = decoded(frame);
      const { user, system } = process.cpuUsage(used);
      // Where others have the core for a while, that is no fault of the codec.
      best = Math.min(best, performance.now() - start, (user + system) / 1_000);
    }
    slowest = Math.max(slowest, best);
    if (best >= MAX_TIME) return `took ${best.toFixed(0)} ms`;
    const { batch, error } = result;
    if (!batch) return error instanceof DecodeError || error instanceof InvalidMessageError ? undefined : `threw ${String(error)}`;
    accepted++;
    try {
      return same(codec.decode(codec.encode(batch)), batch) ? undefined : 'does not come back as it was';
    } catch (thrown) {
      return `cannot be sent on: ${String(thrown)}`;
    }
  }

  function decoded(frame: string | Uint8Array): { readonly batch?: readonly Message[]; readonly error?: unknown } {
    try {
      return { batch: codec.decode(frame) };
    } catch (error) {
      return { error };
    }
  }
}
