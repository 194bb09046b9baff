/** From the bytes of a file to text, as kubectl reads it: UTF-8, or UTF-16 with a byte order mark. */

import { TextDecoder } from "node:util";

export type DecodedText =
  | { readonly text: string }
  | { readonly problem: "binary" | "invalid-utf8"; readonly offset: number };

/** Git, too, looks at this many bytes to tell binary from text. */
const BINARY_PROBE_BYTES = 8000;

const utf8 = new TextDecoder("utf-8", { fatal: true });
const utf16le = new TextDecoder("utf-16le", { fatal: true });
const utf16be = new TextDecoder("utf-16be", { fatal: true });

export function decodeText(bytes: Uint8Array): DecodedText {
  const decoder = decoderOf(bytes);
  if (decoder === utf8) {
    const nul = bytes.subarray(0, BINARY_PROBE_BYTES).indexOf(0);
    if (nul >= 0) return { problem: "binary", offset: nul };
  }
  try {
    // The decoder drops the byte order mark.
    return { text: decoder.decode(bytes) };
  } catch {
    return { problem: "invalid-utf8", offset: decoder === utf8 ? firstInvalid(bytes) : 0 };
  }
}

function decoderOf(bytes: Uint8Array): TextDecoder {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16le;
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return utf16be;
  return utf8;
}

/** Where the first byte is that is not UTF-8: where a lenient decoder first gives up. */
function firstInvalid(bytes: Uint8Array): number {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return Buffer.byteLength(text.slice(0, Math.max(text.indexOf("\ufffd"), 0)));
}
