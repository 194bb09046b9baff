/** One header block of a tar archive: POSIX ustar, with GNU's large numbers. */

/** Headers are of this size, contents are padded to multiples of it. */
export const BLOCK_BYTES = 512;

export interface TarHeader {
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** `0` file, `5` directory, `2` symlink, … */
  readonly type: string;
  readonly linkName: string;
}

/** @returns undefined for a block whose checksum or size is wrong */
export function readHeader(block: Buffer): TarHeader | undefined {
  const sizeBytes = numberAt(block, 124, 12);
  if (sizeBytes === undefined || !hasChecksum(block)) return undefined;
  const isUstar = block.toString("latin1", 257, 262) === "ustar";
  // GNU's own format has times where ustar has the prefix of the name.
  const isPosix = isUstar && block[262] === 0;
  const prefix = isPosix ? textAt(block, 345, 155) : "";
  const name = textAt(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: numberAt(block, 100, 8) ?? 0,
    sizeBytes,
    type: String.fromCharCode(block[156] ?? 0).replace("\0", "0"),
    linkName: textAt(block, 157, 100),
  };
}

/** Text up to the first NUL. */
export function textAt(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString("utf8", start, end < 0 || end > start + length ? start + length : end);
}

/** Octal digits, or a big-endian number when the first bit is set. */
function numberAt(block: Buffer, start: number, length: number): number | undefined {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = textAt(block, start, length).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || "0", 8) : undefined;
}

function hasChecksum(block: Buffer): boolean {
  const expected = numberAt(block, 148, 8);
  let sum = 8 * 0x20; // the checksum itself counts as spaces
  for (let at = 0; at < BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum === expected;
}
