/** The messages of the room, which the page and the server share. */
export interface ChatMessages {
  'room.said': Said;
}

export interface Said {
  readonly name: string;
  readonly text: string;
}

/** Whether a payload is valid. The server checks what pages send: it is input from outside. */
export function isSaid(payload: unknown): payload is Said {
  const { name, text } = Object(payload) as Partial<Record<keyof Said, unknown>>;
  return isText(name, 40) && isText(text, 500);
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value !== '' && value.length <= maxLength;
}
