/**
 * A directory that belongs to one process at a time: private (mode 0700) and locked.
 *
 * Node has no file locks, so a lock is a file `lock.<n>` that names its holder. Only the newest
 * counts, and it is taken over by creating `lock.<n+1>`, which exactly one of several contenders
 * can: nobody ever deletes a lock that somebody else might have just taken. A released lock stays
 * behind, empty, so that numbers never start again (and emptying works on a full disk).
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Another live process has the directory. */
export class DataDirectoryLockedError extends Error {
  override readonly name = "DataDirectoryLockedError";
  readonly directory: string;
  readonly pid: number;
  constructor(directory: string, pid: number) {
    const who = pid === process.pid ? "this process" : `process ${pid}`;
    super(
      `${directory} is in use by ${who}: stop it first (kill ${pid}), or use another directory`,
    );
    this.directory = directory;
    this.pid = pid;
  }
}

export interface DirectoryLock {
  readonly directory: string;
  release(): void;
}

/** Enough to tell a process from a later one with the same pid, or from one before a reboot. */
interface Holder {
  readonly pid: number;
  readonly startTime: string | undefined;
  readonly bootId: string | undefined;
  readonly pidNamespace: string | undefined;
}

/** Each attempt fails only when another process took the lock in the same instant. */
const MAX_ATTEMPTS = 100;

/**
 * Creates `directory` if need be and takes it for this process.
 * @throws DataDirectoryLockedError when another live process, or this one, has it.
 */
export function lockDataDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const locks = lockNumbers(directory);
    const newest = locks.at(-1) ?? 0;
    const holder = newest === 0 ? undefined : readHolder(lockFile(directory, newest));
    if (holder !== undefined && isAlive(holder))
      throw new DataDirectoryLockedError(directory, holder.pid);
    const mine = lockFile(directory, newest + 1);
    if (!createLock(mine)) continue;
    for (const old of locks) rmSync(lockFile(directory, old), { force: true });
    return { directory, release: () => truncateSync(mine) };
  }
  throw new Error(`could not lock ${directory}: too many processes try at the same time`);
}

/** The pid of the live process that has `directory`, if any. */
export function holderOfDataDirectory(directory: string): number | undefined {
  const newest = lockNumbers(directory).at(-1);
  const holder = newest === undefined ? undefined : readHolder(lockFile(directory, newest));
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

function lockFile(directory: string, number: number): string {
  return join(directory, `lock.${number}`);
}

function lockNumbers(directory: string): number[] {
  return readdirSync(directory)
    .map((name) => /^lock\.([1-9]\d*)$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** By link, so that the file is never seen without its content. */
function createLock(file: string): boolean {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify(self()), { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Undefined when the file is gone or names nobody: released, or cut short by a power failure. */
function readHolder(file: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, "utf8")) as Partial<Holder>;
    return Number.isInteger(holder.pid) ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function self(): Holder {
  return {
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    bootId: bootId(),
    pidNamespace: pidNamespace(),
  };
}

/**
 * A holder in another pid namespace cannot be looked up, and counts as dead: a restarted
 * container must be able to take its volume back. Should it be alive after all, the store
 * notices that another process has opened the database and stops writing.
 */
function isAlive(holder: Holder): boolean {
  if (holder.bootId !== bootId() || holder.pidNamespace !== pidNamespace()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const startTime = startTimeOf(holder.pid);
  return startTime === undefined || startTime === holder.startTime;
}

/** In the system's own terms; undefined where it cannot be learned, and then only the pid counts. */
function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The command name before it may hold spaces and parentheses; start time is field 22.
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    }
    if (process.platform === "win32") return undefined;
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

function bootId(): string | undefined {
  return readOrUndefined(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
}

function pidNamespace(): string | undefined {
  return readOrUndefined(() => readlinkSync("/proc/self/ns/pid"));
}

function readOrUndefined(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
