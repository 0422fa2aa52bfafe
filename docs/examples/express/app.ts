import express, { type Express, type RequestHandler } from 'express';
import type { Sessions } from './sessions.js';

/** Creates an ordinary application, which does not know wires. */
export function createApp(sessions: Sessions): Express {
  const app = express();
  const authenticated: RequestHandler = (request, response, next) => {
    if (sessions.userOf(request)) next();
    else response.sendStatus(401);
  };
  app.use(express.json());
  app.post('/login', (request, response) => {
    const { name } = Object(request.body) as { readonly name?: unknown };
    if (typeof name !== 'string' || name === '') response.sendStatus(400);
    else response.setHeader('Set-Cookie', sessions.begin(name)).sendStatus(204);
  });
  app.get('/me', authenticated, (request, response) => {
    response.json({ name: sessions.userOf(request)?.name });
  });
  return app;
}
