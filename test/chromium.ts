/** @file The browser of tests that look at pages: Chromium as Debian has it, if it is installed. */
import { existsSync } from 'node:fs';
import { type BrowserContext, chromium } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

export const hasChromium = executablePath !== undefined;

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `none`: pages are drawn by the processor. `webgpu`: an adapter that computes on the processor, SwiftShader. */
const graphics = {
  none: ['--disable-gpu'],
  webgpu: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
} as const;

/** @param profile folder that it may fill */
export function openChromium(profile: string, kind: keyof typeof graphics = 'none'): Promise<BrowserContext> {
  const args = [...flags, ...graphics[kind]];
  return chromium.launchPersistentContext(profile, { executablePath: executablePath!, args });
}
