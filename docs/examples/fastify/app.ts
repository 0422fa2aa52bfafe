import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Sessions } from './sessions.js';

const login = { body: { type: 'object', required: ['name'], properties: { name: { type: 'string', minLength: 1 } } } };

/** Creates an ordinary application, which does not know wires. */
export function createApp(sessions: Sessions): FastifyInstance {
  const app = fastify();
  const authenticated = async ({ raw }: FastifyRequest, reply: FastifyReply): Promise<unknown> =>
    sessions.userOf(raw) ? undefined : reply.code(401).send();

  app.post<{ Body: { readonly name: string } }>('/login', { schema: login }, ({ body }, reply) =>
    reply.header('Set-Cookie', sessions.begin(body.name)).code(204).send(),
  );
  app.get('/me', { preHandler: authenticated }, ({ raw }) => ({ name: sessions.userOf(raw)?.name }));
  return app;
}
