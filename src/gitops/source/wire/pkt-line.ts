/** Git's framing: four hexadecimal digits of length, then the payload; 0 to 2 are marks. */
import { SourceError } from "../source-error.ts";

export type Packet =
  | { readonly kind: "data"; readonly payload: Buffer }
  | { readonly kind: "flush" | "delimiter" | "end" };

const LENGTH_DIGITS = 4;
const MARKS = ["flush", "delimiter", "end"] as const;

export const FLUSH: Buffer = Buffer.from("0000");
export const DELIMITER: Buffer = Buffer.from("0001");

/** A line of a request; Git ends them with a newline. */
export function textPacket(text: string): Buffer {
  const payload = Buffer.from(`${text}\n`);
  const length = (payload.length + LENGTH_DIGITS).toString(16).padStart(LENGTH_DIGITS, "0");
  return Buffer.concat([Buffer.from(length), payload]);
}

/** The text of a packet, without the newline that Git ends lines with. */
export function textOf(payload: Buffer): string {
  return payload.toString("utf8").replace(/\n$/, "");
}

/**
 * Cuts a stream into packets; ends where the stream ends between two of them.
 * @throws SourceError `truncated` inside a packet, `protocol` for what is no length
 */
export async function* packets(
  chunks: AsyncIterable<Buffer>,
  where: string,
): AsyncGenerator<Packet, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let offset = 0;
    while (rest.length - offset >= LENGTH_DIGITS) {
      const length = lengthAt(rest, offset, where);
      if (length < LENGTH_DIGITS) {
        yield { kind: MARKS[length] ?? "end" };
        offset += LENGTH_DIGITS;
        continue;
      }
      if (rest.length - offset < length) break;
      yield { kind: "data", payload: rest.subarray(offset + LENGTH_DIGITS, offset + length) };
      offset += length;
    }
    rest = rest.subarray(offset);
  }
  if (rest.length > 0) throw truncatedAnswer(where);
}

function lengthAt(bytes: Buffer, offset: number, where: string): number {
  const digits = bytes.toString("latin1", offset, offset + LENGTH_DIGITS);
  const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : 3;
  if (length !== 3) return length;
  throw malformedAnswer(where);
}

export function malformedAnswer(where: string): SourceError {
  return new SourceError("protocol", {
    what: "the server's answer is malformed",
    where,
    advice: "Check that no proxy in between changes it, and the Git server's log.",
  });
}

export function truncatedAnswer(where: string): SourceError {
  return new SourceError("truncated", {
    what: "the server's answer ends in the middle",
    where,
    advice:
      "Nothing of it was used. It is tried again by itself; check the Git server's log if this stays.",
  });
}
