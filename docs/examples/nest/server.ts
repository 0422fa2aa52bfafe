import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AccountController, Login } from './account.js';
import { WireGateway } from './wireGateway.js';

@Module({ controllers: [AccountController], providers: [Login, WireGateway] })
export class AppModule {}

export interface Options {
  /** The port to listen on; 0: any free port. @default 4870 */
  readonly port?: number;
}

/** Starts a server for routes and wires. `close` stops the wires first. */
export async function startServer({ port = 4870 }: Options = {}): Promise<INestApplication> {
  // Idle connections would keep the server open.
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'], forceCloseConnections: true });
  // Calls `close` at SIGTERM.
  app.enableShutdownHooks(['SIGTERM']);
  await app.listen(port, '127.0.0.1');
  return app;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const app = await startServer({ port: Number(process.env['PORT'] ?? 4870) });
  console.log(await app.getUrl());
}
