/** @file Python's `random`, as far as `random.sample` needs it, to repeat its choices: MT19937, seeded by a number. */

const length = 624;
const middle = 397;

/** The generator after `random.seed(seed)`, for a whole number from 0 to 2^53 - 1. */
export class PythonRandom {
  readonly #state: Uint32Array;
  #next = length;

  constructor(seed: number) {
    this.#state = seeded(seed >= 2 ** 32 ? [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] : [seed]);
  }

  /** `random.sample(range(population), count)`. */
  sample(population: number, count: number): number[] {
    // CPython keeps a list of the remaining numbers or a set of the chosen ones, whichever is smaller (Lib/random.py).
    const setSize = count > 5 ? 21 + 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 21;
    if (population <= setSize) {
      const pool = Array.from({ length: population }, (_, index) => index);
      return Array.from({ length: count }, (_, taken) => {
        const at = this.#below(population - taken);
        const chosen = pool[at]!;
        pool[at] = pool[population - taken - 1]!;
        return chosen;
      });
    }
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(this.#below(population));
    return [...chosen];
  }

  /** A number from 0 to `bound` - 1: as many random bits as the bound has, drawn again until they are below it. */
  #below(bound: number): number {
    const bits = 32 - Math.clz32(bound);
    for (;;) {
      const value = this.#word() >>> (32 - bits);
      if (value < bound) return value;
    }
  }

  #word(): number {
    if (this.#next === length) {
      twist(this.#state);
      this.#next = 0;
    }
    let word = this.#state[this.#next++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }
}

/** `init_by_array` of Matsumoto's and Nishimura's reference code, with which Python seeds. */
function seeded(key: readonly number[]): Uint32Array {
  const state = new Uint32Array(length);
  const mixed = (index: number, factor: number) => {
    const before = state[index - 1]!;
    return Math.imul(before ^ (before >>> 30), factor);
  };
  state[0] = 19650218;
  for (let i = 1; i < length; i++) state[i] = mixed(i, 1812433253) + i;
  let i = 1;
  const step = () => {
    i++;
    if (i < length) return;
    state[0] = state[length - 1]!;
    i = 1;
  };
  for (let k = 0; k < length; k++) {
    const j = k % key.length;
    state[i] = (state[i]! ^ mixed(i, 1664525)) + key[j]! + j;
    step();
  }
  for (let k = 0; k < length - 1; k++) {
    state[i] = (state[i]! ^ mixed(i, 1566083941)) - i;
    step();
  }
  state[0] = 0x80000000;
  return state;
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < length; i++) {
    const joined = (state[i]! & 0x80000000) | (state[(i + 1) % length]! & 0x7fffffff);
    state[i] = state[(i + middle) % length]! ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
  }
}
