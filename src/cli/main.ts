#!/usr/bin/env node
/** @file The `antidote` command. */
import { commands } from './commands.ts';
import { start } from './start.ts';

await start(commands);
