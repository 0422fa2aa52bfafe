import { BehaviorSubject, type Observable, Subscription } from 'rxjs';
import type { Message } from '../../message/types.js';
import { request } from './request.js';
import type { ProgressOf, ReplyOf, RequestOptions, RequestWire } from './requestTypes.js';

/** The state of a request that a component has sent. */
export interface RequestState<T extends string = string> {
  /** `idle`: none was sent, or it was cancelled. `running`: its last reply has not arrived. */
  readonly status: 'idle' | 'running' | 'done' | 'failed';
  /** The latest reply. */
  readonly value?: ReplyOf<T>;
  /** The latest progress that the other side has reported. */
  readonly progress?: ProgressOf<T>;
  /** For `failed`: the reason. */
  readonly error?: unknown;
}

export interface RequestRunner<T extends string> {
  /** The state: the current one, then each change. */
  readonly state$: Observable<RequestState<T>>;
  /** Sends a request. It cancels the former one, if that still runs. */
  readonly run: (message: Message<T, unknown>) => void;
  /** Cancels the request that runs, also at the other side. The latest reply stays. */
  readonly cancel: () => void;
}

export const IDLE: RequestState<never> = { status: 'idle' };

/** Runs one request after the other for a component, and keeps the state of the latest one. */
export function createRequestRunner<T extends string>(wire: RequestWire, options: RequestOptions<T> = {}): RequestRunner<T> {
  const state$ = new BehaviorSubject<RequestState<T>>(IDLE);
  let running = Subscription.EMPTY;
  const update = (change: Partial<RequestState<T>>): void => state$.next({ ...state$.value, ...change });

  return {
    state$: state$.asObservable(),
    run(message) {
      running.unsubscribe();
      const onProgress = (progress: ProgressOf<T>): void => {
        update({ progress });
        options.onProgress?.(progress);
      };
      const replies$ = request(wire, message, { ...options, onProgress });
      const own = (running = new Subscription());
      state$.next({ status: 'running' });
      // A subscriber of the state may have cancelled it, or may have sent another one.
      if (own.closed) return;
      own.add(
        replies$.subscribe({
          next: (value) => update({ value }),
          error: (error: unknown) => update({ status: 'failed', error }),
          complete: () => update({ status: 'done' }),
        }),
      );
    },
    cancel() {
      if (state$.value.status !== 'running') return;
      running.unsubscribe();
      update({ status: 'idle' });
    },
  };
}
