/** Over SSH every `git-upload-pack` begins with its advertisement, also when it is known already. */
import { malformedAnswer, truncatedAnswer } from "../wire/pkt-line.ts";

const LENGTH_DIGITS = 4;

/** What follows the first flush of an output. */
export async function* skipAdvertisement(
  output: AsyncIterable<Buffer>,
  where: string,
): AsyncGenerator<Buffer, void> {
  let pending: Buffer = Buffer.alloc(0);
  /** Bytes of the packet under way that are still to come. */
  let inPacket = 0;
  let isOver = false;
  for await (const chunk of output) {
    if (isOver) {
      yield chunk;
      continue;
    }
    let rest = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (!isOver) {
      const skipped = Math.min(inPacket, rest.length);
      rest = rest.subarray(skipped);
      inPacket -= skipped;
      if (inPacket > 0 || rest.length < LENGTH_DIGITS) break;
      const digits = rest.toString("latin1", 0, LENGTH_DIGITS);
      if (!/^[0-9a-f]{4}$/i.test(digits)) throw malformedAnswer(where);
      const length = Number.parseInt(digits, 16);
      isOver = length === 0;
      inPacket = Math.max(length - LENGTH_DIGITS, 0);
      rest = rest.subarray(LENGTH_DIGITS);
    }
    pending = isOver ? Buffer.alloc(0) : rest;
    if (isOver && rest.length > 0) yield rest;
  }
  if (!isOver) throw truncatedAnswer(where);
}
