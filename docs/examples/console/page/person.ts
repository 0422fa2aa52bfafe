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

/** A name and a colour for a member of a channel: the same on every page. */
export function personOf(id: string): Person {
  const bits = hash(id);
  const pick = <T>(list: readonly T[], divisor: number): T => list[Math.floor(bits / divisor) % list.length] as T;
  const [manner, animal] = [pick(MANNERS, 1), pick(ANIMALS, MANNERS.length)];
  return {
    id,
    name: `${manner} ${animal}`,
    initials: `${manner.charAt(0)}${animal.charAt(0)}`,
    hue: pick(HUES, MANNERS.length * ANIMALS.length),
  };
}
