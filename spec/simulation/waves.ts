import { simulateWave, type WavePlan, type WaveResult } from './wave.js';

/** What `npm run bench -- deploy` has measured of a server in memory, and the defaults of `connect` and `listen`. */
const DEFAULTS = {
  ...{ handshake: 0.35, refusal: 0.05, downtime: 500 },
  ...{ initialInterval: 500, maxInterval: 30_000, timeout: 5_000 },
} as const;

const WAVES: readonly (readonly [name: string, plan: Omit<WavePlan, keyof typeof DEFAULTS> & Partial<WavePlan>])[] = [
  ['1 server restarts, 10,000 clients, within 1 s', { clients: 10_000, nodes: 1, spread: 1_000 }],
  ['the same, 1 ms for each client', { clients: 10_000, nodes: 1, spread: 10_000 }],
  ['1 server is killed, 10,000 clients', { clients: 10_000, nodes: 1 }],
  ['the same, with a first delay of 5 s', { clients: 10_000, nodes: 1, initialInterval: 5_000 }],
  ['1 of 3 nodes is killed, 30,000 clients', { clients: 10_000, nodes: 2, downtime: 0 }],
  ['1 of 10 nodes is killed, 1,000,000 clients', { clients: 100_000, nodes: 9, downtime: 0 }],
  ['all of 10 nodes are killed, 1,000,000 clients', { clients: 1_000_000, nodes: 10 }],
  ['the same, and refuse those that would wait 1 s', { clients: 1_000_000, nodes: 10, longestWait: 1_000 }],
  ['the same, with a first delay of 30 s', { clients: 1_000_000, nodes: 10, longestWait: 1_000, initialInterval: 30_000 }],
];

const HEAD = ['', 'half', '99 %', 'all back', 'attempts', 'at most', 'longest queue', 'in vain'];

/** Prints a table of waves. */
export function printWaves(print: (line: string) => void): void {
  const rows = WAVES.map(([name, plan]) => rowOf(name, simulateWave({ ...DEFAULTS, ...plan })));
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number))).join('  ');
  print([line(HEAD), '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...rows.map(line)].join('\n'));
}

function rowOf(name: string, { half, most, all, attempts, mostAttempts, longestQueue, wasted }: WaveResult): readonly string[] {
  return [
    name,
    seconds(half),
    seconds(most),
    seconds(all),
    attempts.toFixed(1),
    String(mostAttempts),
    seconds(longestQueue),
    `${wasted.toFixed(0)} %`,
  ];
}

function seconds(time: number): string {
  return time === Infinity ? 'never' : `${(time / 1_000).toFixed(1)} s`;
}
