import { expect, test } from 'vitest';
import { redisUrl } from './redis-flag.ts';

test('a valid address is returned unchanged', () => {
  for (const url of ['redis://localhost:6379', 'rediss://user@cache.example:6380/2']) expect(redisUrl(url)).toBe(url);
});

test('a password in the address is refused and not shown', () => {
  expect(() => redisUrl('redis://:secret@host:6379')).toThrow(
    /a password in the address of host.*ANTIDOTE_REDIS_PASSWORD/,
  );
  expect(() => redisUrl('redis://:secret@host:6379')).not.toThrow(/secret/);
});

test('a query, which may hold a password too, is refused and not shown', () => {
  const withQuery = () => redisUrl('redis://host:6379/0?password=secret');
  expect(withQuery).toThrow(/a question mark in the address of host.*ANTIDOTE_REDIS_PASSWORD/);
  expect(withQuery).not.toThrow(/secret/);
});

test('any other address is refused with an example', () => {
  for (const text of ['localhost:6379', 'http://host', '', 'redis://']) {
    expect(() => redisUrl(text)).toThrow(/--redis: found .*expected an address such as redis:\/\/localhost:6379/);
  }
});
