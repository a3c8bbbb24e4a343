#!/usr/bin/env node
/** @file The `antidote` command. */
import { start } from './start.ts';

await start(async () => (await import('./commands.ts')).commands);
