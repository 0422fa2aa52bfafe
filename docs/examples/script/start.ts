/** npm start: the server and the sender in one process. */
import { stopServer } from './server.js';

await import('./send.js');
console.log(`the server has processed ${stopServer()} readings`);
