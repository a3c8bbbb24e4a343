/** @file The --redis flag: the queue's address. Its password stays out of command lines and run directories. */
import { badUsage } from '../errors.ts';

const passwordVariable = 'ANTIDOTE_REDIS_PASSWORD';

export function queuePassword(): string | undefined {
  return process.env[passwordVariable];
}

export const redisFlag = {
  kind: 'parsed',
  parse: redisUrl,
  optional: true,
  placeholder: 'url',
} as const;

/**
 * Checks the address.
 *
 * @throws AntidoteError (usage) for another kind of address, and for one with a password or a query, which ioredis also
 * takes a password from: every user of the machine sees command lines, and config.json keeps them
 */
export function redisUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw badUsage('--redis', JSON.stringify(text), 'an address such as redis://localhost:6379');
  }
  if (url.password !== '') {
    const advice = `take it out, and put it into the environment variable ${passwordVariable}`;
    throw badUsage('--redis', `a password in the address of ${url.hostname}`, 'an address without one', advice);
  }
  if (url.search !== '') {
    const advice = `a password belongs into the environment variable ${passwordVariable}`;
    throw badUsage('--redis', `a question mark in the address of ${url.hostname}`, 'host, port and database', advice);
  }
  return text;
}
