import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from './tcpProxy.js';

/** How a network fails, in ms. */
export interface NetworkFailure {
  /** How long the proxy swallows all bytes, in both directions, before it resets the connections. */
  readonly silence: number;
  /** How long it refuses connections after that. */
  readonly refused: number;
}

/** Lets the network of a proxy fail, and returns the time at which the failure is over. */
export async function failNetwork(proxy: TcpProxy, { silence, refused }: NetworkFailure): Promise<number> {
  proxy.weather({ up: { swallow: true }, down: { swallow: true } });
  await sleep(silence);
  proxy.weather({});
  proxy.refuse();
  proxy.cut();
  await sleep(refused);
  await proxy.accept();
  return Date.now();
}
