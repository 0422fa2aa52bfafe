import { defer, type Observable } from 'rxjs';
import { createRoom, type Room, type RoomOptions } from './room.js';

/** The channels in which there is somebody. */
export interface Rooms {
  readonly open: (channel: string) => Room;
  /** How many clients are in it. */
  readonly sizeOf: (channel: string) => number;
  /** What a room has to offer, from when it is subscribed to. */
  readonly in: <T>(channel: string, look: (room: Room) => Observable<T>) => Observable<T>;
}

export function createRooms(
  options: Omit<RoomOptions, 'onEmpty' | 'onFailed'>,
  onFailed: (channel: string, error: unknown) => void,
): Rooms {
  const rooms = new Map<string, Room>();

  const open = (channel: string): Room => {
    const known = rooms.get(channel);
    if (known) return known;
    const parts = { ...options, onFailed: (error: unknown) => onFailed(channel, error), onEmpty: () => void rooms.delete(channel) };
    const room = createRoom(channel, parts);
    rooms.set(channel, room);
    return room;
  };
  return { open, sizeOf: (channel) => rooms.get(channel)?.size ?? 0, in: (channel, look) => defer(() => look(open(channel))) };
}
