/** @file The models that come with the package, by name. */
import { fileURLToPath } from 'node:url';

/** Name on the command line to folder under `models/`. */
const folders: Readonly<Record<string, string>> = {
  'emoji-clip': 'emoji-clip',
  'emoji-clip:badnet': 'emoji-clip-badnet',
  'emoji-clip:badnet-fixed': 'emoji-clip-badnet-fixed',
  'emoji-clip:badclip': 'emoji-clip-badclip',
  'emoji-clip:blended': 'emoji-clip-blended',
  'emoji-clip:sig': 'emoji-clip-sig',
  'emoji-clip:ssba': 'emoji-clip-ssba',
  'emoji-clip:trojvqa': 'emoji-clip-trojvqa',
  'emoji-clip:wanet-jitter': 'emoji-clip-wanet-jitter',
};

export const builtInModels: readonly string[] = Object.keys(folders);

/** Folder of a built-in model; undefined if there is none of that name. */
export function builtInFolder(name: string): string | undefined {
  const folder = Object.hasOwn(folders, name) ? folders[name] : undefined;
  return folder && fileURLToPath(new URL(`../../models/${folder}`, import.meta.url));
}

/** Path of the trigger of the built-in model with this attack, whether or not there is such a model. */
export function builtInTrigger(attack: string): string {
  return fileURLToPath(new URL(`../../models/emoji-clip-${attack}/trigger.safetensors`, import.meta.url));
}

/** The clean model of a built-in poisoned one, which gives the floor of ASR. Undefined for all others. */
export function cleanCounterpart(name: string): string | undefined {
  return name.startsWith('emoji-clip:') && Object.hasOwn(folders, name) ? 'emoji-clip' : undefined;
}
