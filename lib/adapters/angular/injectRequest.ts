import { DestroyRef, inject, NgZone, type InjectionToken, type Signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { checkOptions } from '../../message/development.js';
import type { RequestOptions } from '../../operators/requests/requestTypes.js';
import { createRequestRunner, type RequestRunner, type RequestState } from '../../operators/requests/requestRunner.js';
import type { Wire } from '../../wire/wire.js';
import { inZone } from './inZone.js';
import { injectWire, WIRE } from './provideWire.js';

/** The options of {@link injectRequest}: those of `request`, and this one. */
export interface InjectRequestOptions<T extends string> extends RequestOptions<T> {
  /** The token of the wire. @default WIRE */
  readonly token?: InjectionToken<Wire>;
}

/** A request of a component. */
export interface RequestSignals<T extends string> extends Pick<RequestRunner<T>, 'run' | 'cancel'> {
  readonly state: Signal<RequestState<T>>;
}

/**
 * Sends requests, one at a time, and returns the state of the latest one as a signal. The request
 * is cancelled when the injecting object is destroyed.
 *
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * import { createMessage } from 'rxwire';
 * import { injectRequest } from 'rxwire/angular';
 *
 * class Folder {
 *   readonly files = injectRequest<'files.list'>({ timeout: 5_000 });
 *   readonly text = () => `${this.files.state().status}: ${this.files.state().value}`;
 *   open(folder: string): void {
 *     this.files.run(createMessage('files.list', folder));
 *   }
 * }
 */
export function injectRequest<T extends string>(options: InjectRequestOptions<T> = {}): RequestSignals<T> {
  checkOptions('injectRequest', options);
  const { token = WIRE, ...rest } = options;
  const { state$, run, cancel } = createRequestRunner<T>(injectWire(token), rest);
  inject(DestroyRef).onDestroy(cancel);
  return { state: toSignal(state$.pipe(inZone(inject(NgZone))), { requireSync: true }), run, cancel };
}
