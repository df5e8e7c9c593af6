// An address as a QR code: the path of an SVG whose unit is one dot. Encoding is `uqr`'s.

import { encode } from "uqr";

/** Four dots of quiet around it, as ISO/IEC 18004 asks. */
const QUIET = 4;

/** The side's length in dots, and the dark dots as path data. */
export function qrPath(text: string): { size: number; path: string } {
  const { data, size } = encode(text, { ecc: "M", border: QUIET });
  let path = "";
  for (const [y, row] of data.entries()) {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x++;
      path += `M${from} ${y}h${x - from + 1}v1h${from - x - 1}z`;
    }
  }
  return { size, path };
}
