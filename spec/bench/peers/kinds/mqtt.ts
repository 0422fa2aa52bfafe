import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { nanoid } from 'nanoid';
import { noop } from 'rxjs';
import { createMessage } from '../../../../lib/index.js';
import { item } from '../../servers/served.js';
import type { Peer, Variant } from '../peer.js';
import { itemOf, packed } from './ws.js';

type Qos = 0 | 1 | 2;

const qosOf = ({ qos = 0 }: Variant): Qos => Number(qos) as Qos;

const { pack, unpack } = packed();

/** MQTT.js and the broker aedes, over TCP. The variant `qos` is the level of the publications; those of level 0 are answered by a message. */
export const mqtt: Peer = {
  async serve({ onNumber, variant }) {
    const { Aedes } = await import('aedes');
    const broker = await Aedes.createBroker();
    const qos = qosOf(variant);
    const publishTo = (topic: string, payload: Buffer): void =>
      broker.publish({ cmd: 'publish', topic, payload, qos, dup: false, retain: false }, noop);
    broker.on('publish', ({ topic, payload }, client) => {
      if (!client || topic !== 'items') return;
      onNumber?.((unpack(payload as Buffer) as { readonly payload: number }).payload);
      if (qos === 0) publishTo(`back/${client.id}`, pack(createMessage('bench.back', null)) as Buffer);
    });
    const server = createServer(broker.handle);
    server.listen(0, '127.0.0.1', 4_096);
    await once(server, 'listening');
    const publish = (burst: number): void => {
      for (let count = 0; count < burst; count++) publishTo('room', pack(item()) as Buffer);
    };
    return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, publish };
  },
  async open(url, size, variant) {
    const qos = qosOf(variant);
    const client = await openClient(url, qos === 0);
    const create = itemOf(size);
    if (qos > 0) return (done) => client.publish('items', pack(create()), { qos }, () => done());
    let onMessage = noop;
    client.on('message', () => onMessage());
    return (done) => {
      onMessage = done;
      client.publish('items', pack(create()), { qos });
    };
  },
  async connect(url) {
    const client = await openClient(url, false);
    return {
      first: () =>
        new Promise<void>((resolve) => client.publish('items', pack(createMessage('bench.first', null)), { qos: 1 }, () => resolve())),
      close: () => client.end(true),
    };
  },
  async join(url, onMessage, variant) {
    const client = await openClient(url, false);
    client.on('message', (_, payload) => {
      unpack(payload as Buffer);
      onMessage();
    });
    await client.subscribeAsync('room', { qos: qosOf(variant) });
  },
  /** A session that outlives its connection needs a name, and `clean: false`. */
  async stream(url, variant) {
    const { connectAsync } = await import('mqtt');
    const qos = qosOf(variant);
    const client = await connectAsync(url, { clientId: nanoid(), clean: false });
    client.on('error', noop);
    return (number) => client.publish('items', pack(createMessage('bench.item', number)), { qos });
  },
};

async function openClient(url: string, isAnswered: boolean) {
  const { connectAsync } = await import('mqtt');
  const clientId = nanoid();
  const client = await connectAsync(url, { clientId, reconnectPeriod: 0 });
  if (isAnswered) await client.subscribeAsync(`back/${clientId}`, { qos: 0 });
  return client;
}
