/**
 * @file Schemas for long lists and records in JSON. Zod's own report every item that does not fit, at a kilobyte each,
 * and a small file can hold millions; these stop at the first.
 */
import { z } from 'zod';

/** The largest data set listed in JSON has 1.3 million pictures; each item takes about half a microsecond. */
const mostItems = 2_000_000;

/** An array whose items all fit. Parsing returns the array itself, so `item` may check but not transform. */
export function listOf<T>(item: z.ZodType<T, T>): z.ZodType<readonly T[]> {
  return z.custom<readonly T[]>().check((context) => {
    const { value } = context;
    if (!Array.isArray(value)) context.issues.push({ code: 'invalid_type', expected: 'array', input: value });
    else report(context, value.entries(), item);
  });
}

/** An object with any keys whose values all fit. Parsing returns the object itself, as with {@link listOf}. */
export function recordOf<T>(item: z.ZodType<T, T>): z.ZodType<Readonly<Record<string, T>>> {
  return z.custom<Readonly<Record<string, T>>>().check((context) => {
    const { value } = context;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      context.issues.push({ code: 'invalid_type', expected: 'record', input: value });
    else report(context, Object.entries(value), item);
  });
}

function report<T>(
  { issues }: z.core.ParsePayload,
  items: Iterable<readonly [PropertyKey, unknown]>,
  schema: z.ZodType<T>,
): void {
  let count = 0;
  for (const [key, item] of items) {
    if (++count > mostItems) {
      issues.push({ code: 'custom', message: `more than ${mostItems} items`, path: [key], input: item });
      return;
    }
    const { error } = schema.safeParse(item);
    const [issue] = error?.issues ?? [];
    if (issue === undefined) continue;
    issues.push({ ...issue, path: [key, ...issue.path], input: item } as z.core.$ZodRawIssue);
    return;
  }
}
