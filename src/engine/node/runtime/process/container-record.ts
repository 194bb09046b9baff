/** How a container was started: written before its process, so that a later agent can take it over. */
import { readFile, rename, writeFile } from "node:fs/promises";
import type { Sandbox } from "../runtime.ts";
import type { PrivateFile } from "./private-files.ts";

export interface ContainerRecord {
  readonly id: string;
  readonly podUid: string;
  readonly name: string;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly bootId: string;
  readonly logPath: string;
  /** For `exec`: the same surroundings as the main process. */
  readonly cwd: string;
  readonly root: { readonly path: string; readonly owned: readonly string[] };
  readonly env: readonly (readonly [string, string])[];
  readonly user?: { readonly uid?: number; readonly gid?: number };
  readonly files?: readonly PrivateFile[];
  /** It has a terminal, whose session its main process leads. @default false */
  readonly tty?: boolean;
  /** It has input, or a terminal that waits for some. @default false */
  readonly stdin?: boolean;
}

export interface SandboxRecord {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly portMap: readonly (readonly [number, number])[];
}

export function sandboxOf(record: SandboxRecord, directory: string): Sandbox {
  return {
    podUid: record.podUid,
    podIP: "127.0.0.1",
    portMap: new Map(record.portMap),
    directory,
  };
}

/** Environment variables may be secret: only the owner reads records. */
const RECORD_MODE = 0o600;

/** Whole or not at all, however the process ends. */
export async function writeRecord(
  path: string,
  record: ContainerRecord | SandboxRecord,
): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: RECORD_MODE });
  await rename(`${path}.new`, path);
}

/** Undefined when there is no whole record: the start never got that far. */
export async function readRecord<T extends ContainerRecord | SandboxRecord>(
  path: string,
): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
