import { createMessage, type ChannelSubject, type ResourceAlert } from 'rxwire';
import { SandboxError, type SandboxUsage } from '../sandbox.js';

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
 * Tells a workspace's channel what its programs use together, as `resource.metrics`; once each time that one crosses a threshold, as
 * `resource.warning`; and when one was stopped at a limit, as `resource.limit`.
 */
export function createGauges(
  sandboxId: string,
  channel: Pick<ChannelSubject, 'next'>,
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
  const tell = (type: 'resource.metrics' | 'resource.warning' | 'resource.limit', alerts: readonly ResourceAlert[] = []): void => {
    const payload = { sandboxId, metrics: metrics(), thresholds: { ...thresholds }, ...(alerts.length > 0 && { alerts }) };
    // Nobody wants to know later what was used now; an alert is something else.
    channel.next(createMessage(type, payload, type === 'resource.metrics' ? { ttl: 5_000 } : {}));
  };

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
        if (alerts.length > 0) tell('resource.warning', alerts);
        if (performance.now() - toldAt < TELL_EVERY) return;
        toldAt = performance.now();
        tell('resource.metrics');
      },
      end(error) {
        const metric = error instanceof SandboxError ? LIMITS[error.code] : undefined;
        if (metric) tell('resource.limit', [{ metric, level: 'critical', value: limits[metric], threshold: limits[metric] }]);
        using.delete(program);
        tell('resource.metrics');
      },
    };
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
