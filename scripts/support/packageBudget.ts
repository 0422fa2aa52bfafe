import type { Packed } from './pack.js';
import { bar } from './bar.js';

/** Bytes of the unpacked package at most, without source maps. */
export const UNPACKED_BUDGET = 1_866_000;
/** Files of the package at most. */
export const FILES_BUDGET = 356;

export interface PackageSize {
  /** Bytes of the tarball. */
  readonly packed: number;
  /** Bytes of all files. */
  readonly unpacked: number;
  /** Bytes of all files but the source maps. */
  readonly withoutMaps: number;
  readonly files: number;
}

export function packageSize({ size, files }: Pick<Packed, 'size' | 'files'>): PackageSize {
  const bytes = (some: Packed['files']): number => some.reduce((sum, file) => sum + file.size, 0);
  const withoutMaps = bytes(files.filter(({ path }) => !path.endsWith('.map')));
  return { packed: size, unpacked: bytes(files), withoutMaps, files: files.length };
}

/** Returns the lines that are printed, and whether the package is over budget. */
export function packageReport({ packed, unpacked, withoutMaps, files }: PackageSize): {
  readonly lines: readonly string[];
  readonly isOver: boolean;
} {
  const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} kB`;
  const row = (name: string, value: number, budget: number, text: (value: number) => string): string =>
    `${name.padEnd(26)} ${bar(value / budget)} ${text(value)} of ${text(budget)}${value > budget ? '  OVER BUDGET' : ''}`;
  return {
    lines: [
      row('unpacked, without maps', withoutMaps, UNPACKED_BUDGET, kilobytes),
      row('files', files, FILES_BUDGET, String),
      `${'unpacked, with maps'.padEnd(47)} ${kilobytes(unpacked)}`,
      `${'packed'.padEnd(47)} ${kilobytes(packed)}`,
    ],
    isOver: withoutMaps > UNPACKED_BUDGET || files > FILES_BUDGET,
  };
}
