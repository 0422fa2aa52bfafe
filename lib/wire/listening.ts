import { defer, delay, of, Subject, type Observable, type SchedulerLike } from 'rxjs';

/** Whether somebody listens to a wire. */

export class Listening {
  #hasBegun = false;
  #begun$: Subject<true> | undefined;
  readonly #microtask: SchedulerLike;

  constructor(microtask: SchedulerLike) {
    this.#microtask = microtask;
  }

  begin(): void {
    this.#hasBegun = true;
    this.#begun$?.next(true);
    this.#begun$ = undefined;
  }

  /** Emits when somebody does. Not at once: further subscribers of the same moment must not miss what waited. */
  begun(): Observable<boolean> {
    return defer(() => (this.#hasBegun ? of(true) : (this.#begun$ ??= new Subject())).pipe(delay(0, this.#microtask)));
  }
}
