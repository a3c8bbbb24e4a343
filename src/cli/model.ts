/** @file The MODEL argument, which most commands take first. */

export const modelParameter = {
  parse: String,
  placeholder: 'model',
  brief: 'A model folder or file, hf:org/name@revision, or a built-in such as emoji-clip:badnet',
} as const;

/** Where the folder of a purified run will do as well. */
export const modelOrRunParameter = {
  parse: String,
  placeholder: 'model|run',
  brief: 'A model, or the run directory of a purification',
} as const;
