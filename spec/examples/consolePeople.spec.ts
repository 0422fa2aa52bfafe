import { peopleOf } from '../../docs/examples/console/page/person.js';

const ids = Array.from({ length: 12 }, (_, index) => `member-${index}`);

describe('the people of a workspace', () => {
  it('have names and colours that depend on the members only, not on their order', () => {
    const people = peopleOf(ids);
    expect(new Map(peopleOf([...ids].reverse()))).toEqual(new Map(people));
    expect(people.get('member-0')).toMatchObject({
      name: expect.stringMatching(/^[A-Z][a-z]+ [A-Z][a-z]+$/),
      initials: expect.stringMatching(/^[A-Z]{2}$/),
    });
    expect(peopleOf(['member-0']).get('member-0')?.name).toBe(people.get('member-0')?.name);
  });

  it('have different colours while there are enough', () => {
    const hues = [...peopleOf(ids).values()].map(({ hue }) => hue);
    expect(new Set(hues).size).toBe(12);
    expect(peopleOf([...ids, 'one-more']).size).toBe(13);
  });
});
