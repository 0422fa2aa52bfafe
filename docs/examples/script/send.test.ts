import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { sendAll } from 'rxwire';
import { testWire } from 'rxwire/testing';
import { takeReadings } from './messages.js';
import { createService } from './service.js';

test('the server has each reading once, in order, although the connection is cut', async () => {
  const { numbers, serve } = createService();
  const { wire, cut, restore, close } = testWire({ serve });
  let acked = 0;
  await sendAll(wire, takeReadings(1_000), { ahead: 10 }).forEach(() => {
    if (++acked !== 100) return;
    cut();
    setTimeout(restore, 20);
  });
  deepEqual(
    numbers,
    Array.from({ length: 1_000 }, (_, index) => index + 1),
  );
  close();
});
