import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeOutput } from "../../../../src/engine/node/logs/cri-line.ts";
import {
  type LogSource,
  type ReadOptions,
  readLog,
} from "../../../../src/engine/node/logs/log-reader.ts";
import {
  DEFAULT_LOG_LIMITS,
  RotatedLogWriter,
} from "../../../../src/engine/node/logs/rotated-log.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-logs-"));
  path = join(directory, "0.log");
});
afterEach(() => rm(directory, { recursive: true }));

const entry = (time: string, text: string, tag = "F"): string =>
  `2026-01-01T00:00:${time}Z stdout ${tag} ${text}\n`;
const ended: Omit<LogSource, "path"> = { hasEnded: () => true, onEnd: () => () => undefined };
async function read(options: ReadOptions = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readLog({ path, ...ended }, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
const three =
  entry("01.000000000", "one") + entry("02.000000000", "two") + entry("03.500000000", "three");

describe("reading", () => {
  it("gives the output as the program wrote it", async () => {
    await writeFile(path, three + entry("04.000000000", "no end", "P"));
    expect(await read()).toBe("one\ntwo\nthree\nno end");
  });
  it("gives nothing for an empty or missing log", async () => {
    expect(await read()).toBe("");
    await writeFile(path, "");
    expect(await read()).toBe("");
  });
  it("puts timestamps before lines, not before their parts", async () => {
    await writeFile(path, entry("01.000000000", "lo", "P") + entry("02.000000000", "ng"));
    expect(await read({ timestamps: true })).toBe("2026-01-01T00:00:01.000000000Z long\n");
  });
  it.each([
    [0, ""],
    [1, "three\n"],
    [2, "two\nthree\n"],
    [9, "one\ntwo\nthree\n"],
  ])("gives the last %i lines", async (tailLines, expected) => {
    await writeFile(path, three);
    expect(await read({ tailLines })).toBe(expected);
  });
  it("counts a line of several parts once", async () => {
    await writeFile(path, three + entry("04.000000000", "lo", "P") + entry("04.000000000", "ng"));
    expect(await read({ tailLines: 2 })).toBe("three\nlong\n");
  });
  it("counts an unfinished line", async () => {
    await writeFile(path, three + entry("04.000000000", "end", "P"));
    expect(await read({ tailLines: 1 })).toBe("end");
  });
  it.each([
    ["2026-01-01T00:00:02Z", "two\nthree\n"],
    ["2026-01-01T01:00:03.5+01:00", "three\n"],
    ["2026-01-01T00:00:03.500000001Z", ""],
  ])("gives lines since %s", async (sinceTime, expected) => {
    await writeFile(path, three);
    expect(await read({ sinceTime })).toBe(expected);
  });
  it("stops after limitBytes", async () => {
    await writeFile(path, three);
    expect(await read({ limitBytes: 6 })).toBe("one\ntw");
  });
  it("passes over damaged entries", async () => {
    await writeFile(path, `garbage\n${three}`);
    expect(await read()).toBe("one\ntwo\nthree\n");
  });
  it("goes through rotated parts, oldest first", async () => {
    await writeFile(join(directory, "0.log.9"), entry("01.000000000", "nine"));
    await writeFile(join(directory, "0.log.10"), entry("02.000000000", "ten"));
    await writeFile(path, entry("03.000000000", "now"));
    expect(await read()).toBe("nine\nten\nnow\n");
    expect(await read({ tailLines: 2 })).toBe("ten\nnow\n");
  });
});

describe("following", () => {
  /** Starts to follow; `next` waits for more output. */
  function follow(options: ReadOptions = {}) {
    let hasEnded = false;
    const listeners = new Set<() => void>();
    const source = {
      path,
      hasEnded: () => hasEnded,
      onEnd: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const output = readLog(source, { follow: true, ...options });
    return {
      listeners,
      next: async (length: number): Promise<string> => {
        let text = "";
        while (text.length < length) {
          const result = await output.next();
          if (result.done === true) break;
          text += Buffer.from(result.value).toString();
        }
        return text;
      },
      end: () => {
        hasEnded = true;
        for (const listener of listeners) listener();
      },
    };
  }

  it("gives new lines as they come, and ends with the container", async () => {
    await writeFile(path, entry("01.000000000", "one"));
    const following = follow();
    expect(await following.next(4)).toBe("one\n");
    await appendFile(path, entry("02.000000000", "two"));
    expect(await following.next(4)).toBe("two\n");
    await appendFile(path, entry("03.000000000", "last"));
    following.end();
    expect(await following.next(100)).toBe("last\n");
    expect(following.listeners.size).toBe(0);
  });

  it("loses nothing when the log is rotated under it", async () => {
    const writer = await RotatedLogWriter.open(path, { ...DEFAULT_LOG_LIMITS, maxFileBytes: 200 });
    const following = follow();
    let expected = "";
    const writing = (async () => {
      for (let line = 0; line < 100; line++) {
        const raw = Buffer.from(`line ${line}\n`);
        const options = {
          time: "2026-01-01T00:00:00.000000000Z",
          stream: "stdout",
          atEnd: false,
        } as const;
        await writer.append(encodeOutput(raw, options).entries);
        await writer.rotateIfFull();
        expected += raw.toString();
        // The reader must keep up with the parts that are kept.
        if (line % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await writer.close();
      following.end();
    })();
    const text = await following.next(Infinity);
    await writing;
    expect(text).toBe(expected);
  });

  it("starts with the last lines, then goes on", async () => {
    await writeFile(path, three);
    const following = follow({ tailLines: 1 });
    expect(await following.next(6)).toBe("three\n");
    await appendFile(path, entry("04.000000000", "four"));
    expect(await following.next(5)).toBe("four\n");
    following.end();
    expect(await following.next(1)).toBe("");
  });

  it("waits for a log that is not there yet", async () => {
    const following = follow();
    const first = following.next(4);
    await writeFile(`${path}.new`, entry("01.000000000", "one"));
    await rename(`${path}.new`, path);
    expect(await first).toBe("one\n");
    following.end();
    expect(await following.next(1)).toBe("");
  });

  it("ends when the reader goes away", async () => {
    await writeFile(path, entry("01.000000000", "one"));
    const abort = new AbortController();
    const following = follow({ signal: abort.signal });
    await following.next(4);
    const rest = following.next(1);
    abort.abort();
    expect(await rest).toBe("");
  });
});
