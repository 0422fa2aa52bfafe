import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { lmdbOutbox } from '../../lib/adapters/node/index.js';
import { connect } from '../../lib/wire/connect.js';

/** Sends a message to a port without a server, and kills itself when the message is stored: node storingProcess.mjs <folder> <port>. */
const [, , path = '', port = ''] = process.argv;
const wire = connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), outbox: lmdbOutbox({ path, name: 'rows' }) });
const { status } = await wire.send(createMessage('test.row', 'a', { id: 'a' }), { until: 'stored' });
process.stdout.write(status, () => process.kill(process.pid, 'SIGKILL'));
