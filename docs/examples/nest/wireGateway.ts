import type { Server } from 'node:http';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { lastValueFrom, Subject, tap } from 'rxjs';
import { listen } from 'rxwire/server';
import { serveWire } from './wires.js';
import { Login } from './account.js';

/** Serves wires on the HTTP server of the application, with the login of its routes. */
@Injectable()
export class WireGateway implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #shutdown$ = new Subject<void>();
  #stopped: Promise<unknown> = Promise.resolve();

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(Login) private readonly login: Login,
  ) {}

  onApplicationBootstrap(): void {
    const server = this.host.httpAdapter.getHttpServer() as Server;
    const wires$ = listen(server, {
      path: '/wire',
      authenticate: ({ request }) => this.login.userOf(request),
      shutdown$: this.#shutdown$,
    });
    this.#stopped = lastValueFrom(wires$.pipe(tap(serveWire)), { defaultValue: undefined });
  }

  /** Nest closes the HTTP server after this. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#shutdown$.next();
    await this.#stopped;
  }
}
