/** @file The MODEL argument, which most commands take first. */
export const modelParameter = {
  parse: String,
  placeholder: 'model',
  brief: 'A model folder, or a built-in such as emoji-clip:badnet',
} as const;
