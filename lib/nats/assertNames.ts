import { NODE_PATTERN } from '../link/http/httpHeaders.js';

/**
 * Asserts that each option is a name for a stream, for the first token of a subject, or for a node.
 * @throws {TypeError} Names the option.
 */
export function assertNames(owner: string, options: Readonly<Record<string, string>>): void {
  for (const [option, value] of Object.entries(options))
    if (!NODE_PATTERN.test(value)) throw new TypeError(`${owner}: "${option}" must be letters, digits, _ and -, got ${value}`);
}
