import { hash } from '../document.js';

/** How somebody is shown to the others. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly initials: string;
  /** A hue, in degrees. */
  readonly hue: number;
}

const MANNERS =
  'Amber Brisk Calm Daring Eager Fleet Gentle Happy Iron Jolly Keen Lucky Merry Noble Odd Proud Quiet Royal Sunny Tidy Vivid Witty Young Zesty'.split(
    ' ',
  );
const ANIMALS =
  'Ant Bear Crane Deer Eagle Fox Goose Heron Ibis Jay Koala Lynx Mole Newt Otter Puma Quail Raven Seal Tern Urchin Vole Wren Yak'.split(
    ' ',
  );

/** Far enough from each other to be told apart, and dark enough for white letters. */
const HUES = [4, 28, 50, 90, 145, 172, 198, 220, 246, 270, 296, 330];

/** Names and colours for the members of a channel: the same on every page that knows the same members. Two have one colour only when all are taken. */
export function peopleOf(ids: readonly string[]): ReadonlyMap<string, Person> {
  const taken = new Set<number>();
  const people = [...new Set(ids)].sort().map((id) => {
    const free = HUES.filter((hue) => !taken.has(hue));
    const person = personOf(id, free.length > 0 ? free : HUES);
    taken.add(person.hue);
    return [id, person] as const;
  });
  return new Map(people);
}

function personOf(id: string, hues: readonly number[]): Person {
  const bits = hash(id);
  const pick = <T>(list: readonly T[], divisor: number): T => list[Math.floor(bits / divisor) % list.length] as T;
  const [manner, animal] = [pick(MANNERS, 1), pick(ANIMALS, MANNERS.length)];
  return {
    id,
    name: `${manner} ${animal}`,
    initials: `${manner.charAt(0)}${animal.charAt(0)}`,
    hue: pick(hues, MANNERS.length * ANIMALS.length),
  };
}
