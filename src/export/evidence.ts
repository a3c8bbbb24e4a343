/** @file What a run says about its head: what was found in the model, what prompts were tuned against, what was measured. */
import { z } from 'zod';
import { readResult } from '../runs/read.ts';
import type { Manifest } from './purified.ts';

const shares = z.object({ ca: z.number(), asr: z.nullable(z.number()), ra: z.nullable(z.number()), n: z.int() });

/** Percentages on test pictures, before purification and after. */
const measured = z.object({
  attack: z.nullable(z.string()),
  target: z.nullable(z.string()),
  undefended: shares,
  purified: shares,
});

const verdict = z.object({
  finding: z.object({ verdict: z.enum(['backdoor', 'clean', 'undecided']), targets: z.array(z.string()) }),
});

export interface Evidence {
  /** The verdict on the model; undefined where there is none, as for a head that a program wrote. */
  readonly finding: z.infer<typeof verdict>['finding'] | undefined;
  /** Classes that the dummy triggers lead to that prompts were tuned against; empty if on clean pictures alone. */
  readonly tunedAgainst: readonly string[];
  /** Undefined where no test pictures were given. */
  readonly measured: z.infer<typeof measured> | undefined;
}

/** @param run the directory of a purified run; a program may have given it a result of another form, or none */
export async function evidenceOf(run: string, { dummies }: Manifest): Promise<Evidence> {
  const result = await readResult(run);
  const used = dummies.filter(({ used }) => used).map(({ dominant }) => dominant);
  return {
    finding: verdict.safeParse(result).data?.finding,
    tunedAgainst: [...new Set(used)],
    measured: measured.safeParse(result).data,
  };
}
