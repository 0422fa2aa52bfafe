/**
 * The estimated width of a character, relative to the font size: the fonts depend on the reader's
 * system.
 */
const CHARACTER_WIDTH = 0.62;

/** Escapes text for an element or an attribute; replaces characters that XML forbids by U+FFFD. */
export function escape(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * Estimates the width of a text. Characters outside of Latin, Greek and Cyrillic count twice,
 * because ideographs and emoji are wide.
 */
export function textWidth(text: string, size: number): number {
  const isWide = (character: string): boolean => (character.codePointAt(0) ?? 0) > 0x4ff && !'…–—’“”→×−'.includes(character);
  return Array.from(text).reduce((units, character) => units + (isWide(character) ? 2 : 1), 0) * size * CHARACTER_WIDTH;
}

/** Shortens a text to `limit` characters, with an ellipsis at the end. */
export function shorten(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : text;
}

/** Breaks a text into lines at spaces; breaks words that are longer than a line. */
export function wrap(text: string, fits: (line: string) => boolean): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(...chop(word, fits));
  }
  return lines;
}

function chop(word: string, fits: (line: string) => boolean): string[] {
  const pieces = [''];
  for (const character of word) {
    const longer = `${pieces.at(-1)}${character}`;
    if (fits(longer) || longer === character) pieces[pieces.length - 1] = longer;
    else pieces.push(character);
  }
  return pieces;
}

/** Rounds a coordinate to a tenth, so that the output is always the same. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Returns an SVG element; omits attributes that are `undefined`. */
export function element(name: string, attributes: Readonly<Record<string, string | number | undefined>>, content = ''): string {
  const given = Object.entries(attributes).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const text = given.map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escape(value)}"`).join('');
  return content ? `<${name}${text}>${content}</${name}>` : `<${name}${text}/>`;
}
