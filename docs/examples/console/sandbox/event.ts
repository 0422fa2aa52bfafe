/** A piece of what the program printed. */
export interface SandboxOutput {
  readonly kind: 'output';
  readonly stream: 'stdout' | 'stderr';
  readonly data: string;
}

/** The program has ended by itself; `duration` in ms. */
export interface SandboxComplete {
  readonly kind: 'complete';
  readonly exitCode: number;
  readonly duration: number;
}

/** What the program uses just now. */
export interface SandboxUsage {
  readonly kind: 'usage';
  /** 1 is one core, busy all the time. */
  readonly cpu: number;
  /** What is resident, in bytes. */
  readonly memory: number;
}

export type SandboxEvent = SandboxOutput | SandboxComplete;

export type SandboxErrorCode =
  | 'ERR_TIME_LIMIT'
  | 'ERR_MEMORY_LIMIT'
  | 'ERR_OUTPUT_LIMIT'
  | 'ERR_KILLED'
  | 'ERR_STOPPED'
  | 'ERR_BUSY'
  | 'ERR_BAD_REQUEST'
  | 'ERR_SANDBOX';

/** The program could not be run, or was stopped. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  constructor(
    readonly code: SandboxErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export function raise(code: SandboxErrorCode, message: string): never {
  throw new SandboxError(code, message);
}
