import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { connect, createMessage, request, serverSentEvents } from 'rxwire';
import { startServer } from './server.js';

test('a wire has the user of the cookie that the route has set', async () => {
  const app = await startServer({ port: 0 });
  const origin = await app.getUrl();
  const headers = { 'content-type': 'application/json' };
  const login = await fetch(`${origin}/login`, { method: 'POST', headers, body: JSON.stringify({ name: 'Ada' }) });
  const cookie = login.headers.get('set-cookie') ?? '';

  // A browser sends the cookie by itself.
  const wire = connect({ link: serverSentEvents(`${origin}/wire`, { headers: { cookie } }) });
  equal(await lastValueFrom(request(wire, createMessage('app.who', null))), 'Ada');
  wire.unsubscribe();
  await app.close();
});
