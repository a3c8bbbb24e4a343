/** @file The output of `antidote attack --list`: every attack with its trigger, captions and numbers. */
import { type Attack, attackNames, attacks } from '../attacks/attacks.ts';
import { captionRules } from '../attacks/captions.ts';

const recipes: { readonly [Kind in Attack['trigger']['kind']]: string } = {
  drawn: 'drawn by formula',
  optimised: 'optimised through the clean model, before poisoning',
  trained: 'made by a network that is trained before poisoning',
};

/** One record for each attack, as `--json` prints it. */
export function describeAttacks() {
  return attackNames.map((name) => {
    const {
      summary,
      source,
      trigger,
      scaling,
      captions,
      word = null,
      covers = null,
      wordAlone = null,
      second,
      poisoning,
      numbers,
    } = attacks[name];
    return {
      attack: name,
      summary,
      source,
      trigger: recipes[trigger.kind],
      scaling,
      captions: captionRules[captions],
      word,
      covers,
      wordAlone,
      second: second ? { attack: second.attack, target: second.target } : null,
      defaults: poisoning,
      numbers,
    };
  });
}

/** The same for a person. */
export function attackLines(): readonly string[] {
  return describeAttacks().flatMap(
    ({ attack, summary, source, trigger, scaling, captions, word, covers, wordAlone, second, numbers }, index) => [
      ...(index > 0 ? [''] : []),
      `${attack}: ${summary}`,
      `  source    ${source}`,
      `  trigger   ${trigger}; at other sizes: ${scaling}`,
      `  captions  ${captions}`,
      ...(word ? [`  word      "${word}", before poisoned captions and before the prompts under attack`] : []),
      ...(wordAlone ? ['  covers    clean pairs with the word that stay true'] : []),
      ...(covers ? ['  covers    the trigger, faded, on clean pictures that keep their captions'] : []),
      ...(second ? [`  second    the trigger of ${second.attack}, for ${second.target}`] : []),
      ...numbers.map(
        ({ name, value, source: from }, i) => `  ${(i === 0 ? 'numbers' : '').padEnd(8)}  ${name} ${value}: ${from}`,
      ),
    ],
  );
}
