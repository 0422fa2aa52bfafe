import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { HttpHeader } from '../../link/http/headers.js';

/** Whether a browser asks if a page may make a request that has the name of a link: https://fetch.spec.whatwg.org/#cors-preflight-fetch */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && askedFields(headers['access-control-request-headers']).includes(HttpHeader.LINK);
}

/** What lets a page of that origin read an answer. Never for all: what is answered is for one who has shown credentials. */
export function corsHeaders({ headers: { origin } }: IncomingMessage): OutgoingHttpHeaders {
  if (origin === undefined) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'retry-after',
    vary: 'Origin',
  };
}

/** What lets it make the request: with whatever fields, as it may be trusted. */
export function preflightHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  return {
    ...corsHeaders(request),
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers': askedFields(request.headers['access-control-request-headers']).join(', '),
    'access-control-max-age': '600',
  };
}

function askedFields(list: unknown): readonly string[] {
  const names = typeof list === 'string' ? list.split(',').map((name) => name.trim().toLowerCase()) : [];
  return names.filter((name) => /^[\w-]{1,64}$/.test(name)).slice(0, 64);
}
