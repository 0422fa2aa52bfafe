import { escapeControls } from '../../lib/message/escapeControls.js';

describe('escapeControls', () => {
  it('escapes the control characters of a terminal, and nothing else', () => {
    expect(escapeControls('a\u001b[2J\u009bé\u202e\u0000😀')).toBe(String.raw`a\u001b[2J\u009bé\u202e\u0000😀`);
  });
});
