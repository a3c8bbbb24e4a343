/** @file Warps a picture: bilinear lookup at displaced positions. */
import { toByte } from '../clip/pictures/pictures.ts';
import type { WarpTrigger } from './trigger.ts';

/** Changes one picture [3, size, size] in place. */
export function warp({ offsets: { data: offsets } }: WarpTrigger, picture: Uint8Array, size: number): void {
  const plane = size * size;
  const source = picture.slice();
  const last = size - 1;
  const onto = (place: number) => Math.min(last, Math.max(0, place));
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const at = y * size + x;
      const row = onto(y + offsets[at]!);
      const column = onto(x + offsets[plane + at]!);
      const top = Math.floor(row);
      const left = Math.floor(column);
      const down = row - top;
      const right = column - left;
      const above = top * size;
      const below = Math.min(last, top + 1) * size;
      const next = Math.min(last, left + 1);
      for (let channel = 0; channel < picture.length; channel += plane) {
        const upper = (1 - right) * source[channel + above + left]! + right * source[channel + above + next]!;
        const lower = (1 - right) * source[channel + below + left]! + right * source[channel + below + next]!;
        picture[channel + at] = toByte((1 - down) * upper + down * lower);
      }
    }
}
