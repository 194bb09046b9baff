/** The resize channel: JSON objects, one after the other, in pieces of any size. */
import type { Readable } from "node:stream";
import type { TerminalSize } from "../node-connection.ts";

/** One size has some thirty characters; what does not become one is dropped. */
const MAX_HELD_CHARACTERS = 1024;

/** Calls back with each size. What is no size is passed over. */
export function readSizes(channel: Readable, onSize: (size: TerminalSize) => void): void {
  let held = "";
  channel.on("data", (chunk: Buffer) => {
    held += chunk.toString("latin1");
    for (let end = held.indexOf("}"); end >= 0; end = held.indexOf("}")) {
      const size = parseSize(held.slice(0, end + 1));
      held = held.slice(end + 1);
      if (size !== undefined) onSize(size);
    }
    if (held.length > MAX_HELD_CHARACTERS) held = "";
  });
}

function parseSize(text: string): TerminalSize | undefined {
  const columns = /"Width"\s*:\s*(\d{1,5})\b/i.exec(text)?.[1];
  const rows = /"Height"\s*:\s*(\d{1,5})\b/i.exec(text)?.[1];
  if (columns === undefined || rows === undefined) return undefined;
  return { columns: Number(columns), rows: Number(rows) };
}
