/** Splits a byte stream into lines, as watch responses are framed. */

/** A line grew beyond its bound: the peer does not speak this protocol, or attacks. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";
}

/** The lines without their end; empty ones are left out; a last line without an end counts. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const push = (part: Uint8Array): void => {
    pendingBytes += part.byteLength;
    if (pendingBytes > maxLineBytes)
      throw new LineTooLongError(`a line of the stream is longer than ${maxLineBytes} bytes`);
    if (part.byteLength > 0) pending.push(part);
  };
  const takeLine = (): string => {
    const line = decoder.decode(pending.length === 1 ? pending[0] : Buffer.concat(pending));
    pending.length = 0;
    pendingBytes = 0;
    return line.trim();
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      push(chunk.subarray(start, end));
      start = end + 1;
      const line = takeLine();
      if (line !== "") yield line;
    }
    push(chunk.subarray(start));
  }
  const last = takeLine();
  if (last !== "") yield last;
}
