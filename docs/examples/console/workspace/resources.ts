import { createMessage, type ResourceAlert } from 'rxwire';
import { SandboxError, type SandboxUsage } from '../sandbox.js';
import type { WorkspaceChannels } from './workspace.js';

/** From where on people are warned: of cores, and of bytes. */
export interface Thresholds {
  readonly cpu: number;
  readonly memory: number;
}

/** Where programs are stopped: of bytes, of ms, and of bytes that are printed. */
export interface Limits {
  readonly memory: number;
  readonly time: number;
  readonly output: number;
}

/** Who has more than this for so many looks in a row is warned of. */
const LOOKS = 5;

/** At most so often, in ms, the channel is told; between two tellings, programs are looked at more often. */
const TELL_EVERY = 250;

/** What stopped a program, in the words of `resource.limit`. */
const LIMITS: Readonly<Record<string, keyof Limits>> = { ERR_MEMORY_LIMIT: 'memory', ERR_TIME_LIMIT: 'time', ERR_OUTPUT_LIMIT: 'output' };

/** What one program uses, on its way to the channel of its workspace. */
export interface Gauge {
  readonly read: (usage: SandboxUsage) => void;
  /** It has ended, or was stopped. */
  readonly end: (error?: unknown) => void;
}

/**
 * Tells what the programs of a workspace use together: `resource.metrics` in the channel of its state. Its other channel gets a `resource.warning` each time that a
 * program crosses a threshold, and a `resource.limit` when one was stopped at a limit.
 */
export function createGauges(
  sandboxId: string,
  { channel, state }: { readonly [name in keyof WorkspaceChannels]: Pick<WorkspaceChannels[name], 'next'> },
  thresholds: Thresholds,
  limits: Limits,
): () => Gauge {
  const using = new Map<symbol, SandboxUsage>();
  let toldAt = 0;

  const metrics = () => ({
    cpu: sum([...using.values()].map(({ cpu }) => cpu)),
    memory: sum([...using.values()].map(({ memory }) => memory)),
    programs: using.size,
  });
  const resources = () => ({ sandboxId, metrics: metrics(), thresholds: { ...thresholds } });
  const tell = (): void => state.next(createMessage('resource.metrics', resources()));
  const alert = (type: 'resource.warning' | 'resource.limit', alerts: readonly ResourceAlert[]): void =>
    channel.next(createMessage(type, { ...resources(), alerts }));

  return () => {
    const program = Symbol('program');
    const above = { cpu: 0, memory: 0 };
    const isNewlyAbove = (name: keyof Thresholds, usage: SandboxUsage): boolean => {
      above[name] = usage[name] >= thresholds[name] ? above[name] + 1 : 0;
      return above[name] === LOOKS;
    };

    return {
      read(usage) {
        using.set(program, usage);
        const alerts = (['cpu', 'memory'] as const)
          .filter((metric) => isNewlyAbove(metric, usage))
          .map((metric) => ({ metric, level: 'warning', value: usage[metric], threshold: thresholds[metric] }));
        if (alerts.length > 0) alert('resource.warning', alerts);
        if (performance.now() - toldAt < TELL_EVERY) return;
        toldAt = performance.now();
        tell();
      },
      end(error) {
        const metric = error instanceof SandboxError ? LIMITS[error.code] : undefined;
        if (metric) alert('resource.limit', [{ metric, level: 'critical', value: limits[metric], threshold: limits[metric] }]);
        using.delete(program);
        tell();
      },
    };
  };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
