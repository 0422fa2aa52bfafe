import { RxwireError } from './rxwireError.js';

/**
 * A function of the application has failed. The failure affects one connection only. `cause` is the
 * error of the function.
 */
export class CallbackError extends RxwireError {
  /** The name of the option; `subscriber`, if a subscriber has failed. */
  declare readonly callback: string;

  constructor(callback: string, cause: unknown) {
    super('ERR_CALLBACK', `the function "${callback}" of the application has failed`, { callback }, cause);
  }
}
