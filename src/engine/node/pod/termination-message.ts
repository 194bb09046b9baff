/** What a container leaves to say: a file that it wrote, or the end of its log. */
import { constants, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseEntry } from "../logs/cri-line.ts";
import type { Container } from "../pod-model.ts";
import type { ContainerStatus, Mount } from "../runtime/runtime.ts";

/** Upstream's limits. */
const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;
const DEFAULT_PATH = "/dev/termination-log";

const messageFile = (podDirectory: string, container: string): string =>
  join(podDirectory, "termination", container);

/** An empty file for the next run to write to. */
export async function mountTerminationMessage(
  podDirectory: string,
  container: Container,
): Promise<Mount> {
  const path = messageFile(podDirectory, container.name);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  // As upstream: whatever user the container runs as can write it.
  await writeFile(path, "", { mode: 0o666 });
  const containerPath = container.terminationMessagePath ?? DEFAULT_PATH;
  return { hostPath: path, containerPath, readOnly: false };
}

export async function readTerminationMessage(
  podDirectory: string,
  container: Container,
  status: ContainerStatus,
  logPath: string,
): Promise<string> {
  const message = await readStart(messageFile(podDirectory, container.name));
  if (message !== "" || container.terminationMessagePolicy !== "FallbackToLogsOnError")
    return message;
  return status.exitCode === 0 ? "" : readLogEnd(logPath);
}

/** A program may have put a link or a pipe in its place: neither is followed nor waited for. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

async function readStart(path: string): Promise<string> {
  const handle = await open(path, READ_FLAGS).catch(() => undefined);
  if (handle === undefined) return "";
  try {
    if (!(await handle.stat()).isFile()) return "";
    const buffer = Buffer.alloc(MAX_MESSAGE_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_MESSAGE_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function readLogEnd(logPath: string): Promise<string> {
  const log = await readFile(logPath).catch(() => Buffer.alloc(0));
  const lines = log.toString("latin1").trimEnd().split("\n").slice(-MAX_LOG_LINES);
  const text = lines
    .map((line) => parseEntry(Buffer.from(line, "latin1")))
    .map((entry) =>
      entry === undefined ? "" : entry.content.toString() + (entry.partial ? "" : "\n"),
    )
    .join("");
  return Buffer.from(text).subarray(-MAX_LOG_BYTES).toString();
}
