/** @file The program, runtime and machine of a run. */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import type { Environment } from './config.ts';

const require = createRequire(import.meta.url);

/** Reads the package's own version, and the machine's description from the operating system. */
export function environment(): Environment {
  const processors = cpus();
  return {
    versions: {
      antidote: (require('../../package.json') as { version: string }).version,
      node: process.versions.node,
      onnxruntime: (require('onnxruntime-node/package.json') as { version: string }).version,
    },
    platform: {
      system: process.platform,
      architecture: process.arch,
      processor: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
    },
  };
}
