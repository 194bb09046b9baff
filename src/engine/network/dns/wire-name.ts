/**
 * Domain names as they travel (RFC 1035 §3.1): labels with their length before them, a zero at the
 * end. Bytes are kept as they are (latin1), so that no label can be mistaken for two.
 */

const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
/** A name's pointers lead backwards only; more than this many in one name is an attack. */
const MAX_POINTERS = 16;
const POINTER = 0xc0;

/** A packet whose bytes are no DNS message. */
export class MalformedMessageError extends Error {
  override readonly name = "MalformedMessageError";
}

/** The offset after an uncompressed name, as names in questions are. @throws MalformedMessageError */
export function endOfPlainName(packet: Buffer, start: number): number {
  let offset = start;
  for (;;) {
    const length = packet[offset];
    if (length === undefined) throw new MalformedMessageError("the name goes on after the end");
    offset += 1 + length;
    if (length === 0) break;
    if (length > MAX_LABEL_BYTES) throw new MalformedMessageError("no label is so long");
    if (offset - start >= MAX_NAME_BYTES) throw new MalformedMessageError("no name is so long");
  }
  return offset;
}

/** The offset after a name that may end in a pointer; where that leads is checked. @throws MalformedMessageError */
export function endOfName(packet: Buffer, start: number): number {
  let offset = start;
  let end: number | undefined;
  let bytes = 0;
  for (let pointers = 0, limit = start; ; ) {
    const length = packet[offset];
    if (length === undefined) throw new MalformedMessageError("the name goes on after the end");
    if (length >= POINTER) {
      const low = packet[offset + 1];
      if (low === undefined) throw new MalformedMessageError("the pointer goes on after the end");
      end ??= offset + 2;
      const target = ((length - POINTER) << 8) | low;
      pointers += 1;
      if (target >= limit || pointers > MAX_POINTERS)
        throw new MalformedMessageError("a pointer of a name must lead back");
      offset = limit = target;
      continue;
    }
    if (length > MAX_LABEL_BYTES) throw new MalformedMessageError("no label is so long");
    offset += 1 + length;
    bytes += 1 + length;
    if (bytes > MAX_NAME_BYTES) throw new MalformedMessageError("no name is so long");
    if (length === 0) return end ?? offset;
  }
}

/** The labels of an uncompressed name in lower case, the root's left out. */
export function labelsOf(packet: Buffer, start: number): string[] {
  const labels: string[] = [];
  for (let offset = start; ; ) {
    const length = packet[offset] ?? 0;
    if (length === 0) return labels;
    labels.push(lowerCase(packet.toString("latin1", offset + 1, offset + 1 + length)));
    offset += 1 + length;
  }
}

/** DNS knows no other letters than those of ASCII: Unicode's rules would change other bytes. */
function lowerCase(label: string): string {
  return /[A-Z]/.test(label)
    ? label.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32))
    : label;
}

/** The same bytes in lower case: lengths are below every letter, so they stay what they are. */
export function lowerCaseName(name: Buffer): Buffer {
  const lower = Buffer.from(name);
  for (const [index, byte] of lower.entries())
    if (byte >= 0x41 && byte <= 0x5a) lower[index] = byte + 32;
  return lower;
}

/** Undefined for what fits no name: an empty or too long label, or too many. */
export function encodeName(name: string): Buffer | undefined {
  const text = name.replace(/\.$/, "");
  if (text === "") return Buffer.of(0);
  const parts: Buffer[] = [];
  for (const label of text.split(".")) {
    const bytes = Buffer.from(label, "latin1");
    if (bytes.length === 0 || bytes.length > MAX_LABEL_BYTES) return undefined;
    parts.push(Buffer.of(bytes.length), bytes);
  }
  const encoded = Buffer.concat([...parts, Buffer.of(0)]);
  return encoded.length > MAX_NAME_BYTES ? undefined : encoded;
}
