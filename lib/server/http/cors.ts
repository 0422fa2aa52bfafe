import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { HttpHeader } from '../../link/http/httpHeaders.js';

/**
 * Returns whether a request is the preflight of a request with a link id:
 * https://fetch.spec.whatwg.org/#cors-preflight-fetch
 */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && askedFields(headers['access-control-request-headers']).includes(HttpHeader.LINK);
}

/**
 * Returns the headers that allow a page of this origin to read the response. The value is never a
 * wildcard, because responses depend on credentials.
 */
export function corsHeaders({ headers: { origin } }: IncomingMessage): OutgoingHttpHeaders {
  if (origin === undefined) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': `retry-after, ${HttpHeader.NODE}`,
    vary: 'Origin',
  };
}

/**
 * Returns the headers that allow the request, with any header fields, because the origin is
 * trusted.
 */
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
