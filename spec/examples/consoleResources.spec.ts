import { filter, firstValueFrom, lastValueFrom, map, takeUntil, toArray } from 'rxjs';
import { execute, newRun } from '../../docs/examples/console/client.js';
import { createGauges } from '../../docs/examples/console/workspace/resources.js';
import { SandboxError } from '../../docs/examples/console/sandbox.js';
import type { SandboxResources } from '../../docs/examples/console/messages.js';
import { ofType, type Message } from '../../lib/index.js';
import { describeOnLinux } from '../support/debian.js';
import { startWorkspaces, type Guest } from './consoleWorkspace.js';

describeOnLinux('what programs use', () => {
  let console$: Awaited<ReturnType<typeof startWorkspaces>>;
  beforeEach(async () => {
    console$ = await startWorkspaces({ timeLimit: 4_000 });
  });
  afterEach(() => console$.close());

  const run = ({ wire, sandboxId }: Guest, code: string) => lastValueFrom(execute(wire, code, newRun(sandboxId)));
  const next = ({ told }: Guest, type: 'resource.warning' | 'resource.limit', alert: string) =>
    firstValueFrom(
      told.pipe(
        ofType(type),
        filter(({ payload }) => payload.alerts?.some(({ metric }) => metric === alert) === true),
        map(({ payload }) => payload),
      ),
    );

  it('is sent to all members, from the start to the end', async () => {
    const [ann, bob] = [await console$.enter(), await console$.enter()];
    const ended = run(
      ann,
      'const all = Buffer.alloc(50e6, 1); const end = Date.now() + 1_200; while (Date.now() < end); console.log(all.length);',
    );
    const metrics = await firstValueFrom(
      bob.told.pipe(
        ofType('resource.metrics'),
        map(({ payload }) => payload.metrics),
        takeUntil(
          bob.told.pipe(
            ofType('resource.metrics'),
            filter(({ payload }) => payload.metrics.programs === 0),
          ),
        ),
        toArray(),
      ),
    );
    await ended;
    expect(metrics.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...metrics.map(({ memory }) => memory))).toBeGreaterThan(50e6);
    expect(Math.max(...metrics.map(({ cpu }) => cpu))).toBeGreaterThan(0.1);
  });

  it('is reported with a warning, and at the end when it exceeded the limit', async () => {
    const ann = await console$.enter();
    const warning = next(ann, 'resource.warning', 'memory');
    const limit = next(ann, 'resource.limit', 'memory');
    await run(ann, 'const all = []; setInterval(() => all.push(Buffer.alloc(4e6, 1)), 20);');
    const { metrics, thresholds } = await warning;
    expect(metrics.memory).toBeGreaterThanOrEqual(thresholds?.memory ?? Infinity);
    expect((await limit).alerts).toMatchObject([{ metric: 'memory', level: 'critical' }]);
  });

  it('includes time', async () => {
    await console$.close();
    console$ = await startWorkspaces({ timeLimit: 300 });
    const ann = await console$.enter();
    const limit = next(ann, 'resource.limit', 'time');
    await run(ann, 'for (;;);');
    expect((await limit).alerts).toEqual([{ metric: 'time', level: 'critical', value: 300, threshold: 300 }]);
  });
});

describe('a gauge', () => {
  const thresholds = { cpu: 0.9, memory: 100 };
  const limits = { memory: 200, time: 1_000, output: 50 };
  const usage = (cpu: number, memory = 10) => ({ kind: 'usage', cpu, memory }) as const;
  function gauging() {
    const told: Message[] = [];
    const sink = { next: (message: Message) => void told.push(message) };
    const gauge = createGauges('box', { channel: sink, state: sink }, thresholds, limits);
    const alerts = () =>
      told.filter(({ type }) => type !== 'resource.metrics').map(({ type, payload }) => [type, (payload as SandboxResources).alerts]);
    return { told, gauge, alerts };
  }

  it('warns once of a value above its threshold for half a second, and again after it was below', () => {
    const { gauge, alerts } = gauging();
    const { read } = gauge();
    [1, 1, 1, 1, 0.5, 1, 1, 1, 1].forEach((cpu) => read(usage(cpu)));
    expect(alerts()).toEqual([]);
    [1, 1, 1, 1, 1, 1].forEach((cpu) => read(usage(cpu)));
    expect(alerts()).toEqual([['resource.warning', [{ metric: 'cpu', level: 'warning', value: 1, threshold: 0.9 }]]]);
    [0.2, 1, 1, 1, 1, 1].forEach((cpu) => read(usage(cpu)));
    expect(alerts()).toHaveLength(2);
  });

  it('adds programs up, and is empty when they have ended', () => {
    const { told, gauge } = gauging();
    const [one, two] = [gauge(), gauge()];
    one.read(usage(0.5, 30));
    two.read(usage(0.25, 20));
    one.end();
    two.end(new Error('none of a sandbox'));
    const last = told.map(({ payload }) => (payload as SandboxResources).metrics);
    expect(last[0]).toEqual({ cpu: 0.5, memory: 30, programs: 1 });
    expect(last.at(-2)).toEqual({ cpu: 0.25, memory: 20, programs: 1 });
    expect(last.at(-1)).toEqual({ cpu: 0, memory: 0, programs: 0 });
  });

  it.each([
    ['ERR_MEMORY_LIMIT', [['resource.limit', [{ metric: 'memory', level: 'critical', value: 200, threshold: 200 }]]]],
    ['ERR_OUTPUT_LIMIT', [['resource.limit', [{ metric: 'output', level: 'critical', value: 50, threshold: 50 }]]]],
    ['ERR_STOPPED', []],
  ] as const)('recognizes %s', (code, expected) => {
    const { gauge, alerts } = gauging();
    gauge().end(new SandboxError(code, ''));
    expect(alerts()).toEqual(expected);
  });
});
