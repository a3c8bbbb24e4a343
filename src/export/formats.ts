/** @file The formats of an export. The command line loads this file to describe its flags: it imports nothing. */

export const exportFormats = ['text-embeds', 'coop', 'onnx'] as const;
export type ExportFormat = (typeof exportFormats)[number];
