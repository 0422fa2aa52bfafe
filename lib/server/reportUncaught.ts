import { config } from 'rxjs';
import { messageWith, textOf } from '../errors/rxwireError.js';
import { guard } from '../internal/guard.js';
import { warn } from './nodePlatform.js';

/**
 * Reports an error that no other part of the program may receive: to `config.onUnhandledError` of
 * RxJS, if it is set, otherwise as a warning of the process. Unlike RxJS, it does not end the
 * process.
 */
export function reportUncaught(error: Error): void {
  const { onUnhandledError } = config;
  if (onUnhandledError) guard(() => onUnhandledError(error), warnOf);
  else warnOf(error);
}

function warnOf(error: unknown): void {
  const { message = String(error), stack = '', cause } = Object(error) as Partial<Error>;
  const { message: reason, stack: detail = stack } = Object(cause) as Partial<Error>;
  warn(reason === undefined ? message : messageWith(error as Error, textOf(cause as Error)), detail);
}
