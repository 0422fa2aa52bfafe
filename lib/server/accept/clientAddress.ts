import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Returns the address of the client of a request, behind `trustProxy` proxies: the last one
 * connects to this server, and each reports the address that connects to it.
 */
export function clientAddress({ headers, socket }: IncomingMessage, trustProxy: number): string {
  return addressGroup((trustProxy > 0 ? reportedAddress(headers['x-forwarded-for'], trustProxy) : undefined) ?? socket.remoteAddress);
}

/**
 * Returns an address as its limits count it: an IPv4 address as it is, and an IPv6 address as its
 * network, which has 64 bits, because one host may use all addresses of such a network. Returns ''
 * for a socket that has no address.
 */
export function addressGroup(address = ''): string {
  if (!address.includes(':')) return address;
  // An IPv4 client of a server that listens on `::`.
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.toLowerCase().split('%', 1).join('').split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail ? tail.split(':') : [];
  // A dotted ending stands for two groups.
  const missing = tail === undefined ? 0 : 8 - groups.length - last.length - (address.includes('.') ? 1 : 0);
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...last];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::`;
}

/**
 * Returns the entry that the outermost trusted proxy has added: clients can write all entries
 * before it.
 */
function reportedAddress(header: string | readonly string[] | undefined, trustProxy: number): string | undefined {
  const entries = String(header ?? '').split(',');
  const entry = (entries.at(-trustProxy) ?? entries[0] ?? '').trim();
  // Some proxies add the port.
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(entry) ?? [];
  const address = bracketed ?? plain ?? entry;
  return isIP(address) > 0 ? address : undefined;
}
