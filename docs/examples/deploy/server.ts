import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import { fromEvent, take } from 'rxjs';
import { meter, meterWire } from 'rxwire';
import { prometheusMetrics } from 'rxwire/prometheus';
import { listen } from 'rxwire/server';

/** How long open HTTP requests may take after the server has stopped, in ms. */
const GRACE = 5_000;

const registry = new Registry();
const sink = prometheusMetrics(registry);
const wires = new Gauge({ name: 'app_wires', help: 'Wires of the server', registers: [registry] });
const refused = new Counter({ name: 'app_refused_total', help: 'Connections that the server refused', registers: [registry] });

const shutdown$ = fromEvent(process, 'SIGTERM').pipe(take(1));
let isStopping = false;
shutdown$.subscribe(() => (isStopping = true));

const server = createServer((request, response) => {
  if (request.url === '/health') response.writeHead(isStopping ? 503 : 204).end();
  else if (request.url === '/metrics') void registry.metrics().then((text) => response.end(text));
  else response.writeHead(404).end();
});

listen(server, {
  shutdown$,
  // All connections come from nginx, which reports the addresses of the clients.
  trustProxy: 1,
  maxPerAddress: 200,
  rateLimit: {},
  onRefused: () => refused.inc(),
}).subscribe({
  next(wire) {
    wires.inc();
    meterWire(wire, sink);
    wire.pipe(meter(sink)).subscribe({ complete: () => wires.dec() });
  },
  complete() {
    server.close();
    // Idle connections would keep the process alive.
    setTimeout(() => server.closeAllConnections(), GRACE).unref();
  },
});

server.listen(Number(process.env['PORT'] ?? 4870), '127.0.0.1', () => {
  console.log(`port ${(server.address() as AddressInfo).port}`);
});
