/** Looks at the machine that the agent runs on. */
import { mkdir, readFile, statfs } from "node:fs/promises";
import {
  arch,
  availableParallelism,
  hostname,
  platform,
  release,
  totalmem,
  version,
} from "node:os";
import type { Machine } from "./node-object.ts";

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
const SYSTEMS: Readonly<Record<string, string>> = { win32: "windows" };

export async function inspectMachine(dataDirectory: string): Promise<Machine> {
  await mkdir(dataDirectory, { recursive: true });
  const { blocks, bsize } = await statfs(dataDirectory);
  return {
    hostname: hostname().toLowerCase(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    storageBytes: blocks * bsize,
    os: SYSTEMS[platform()] ?? platform(),
    architecture: ARCHITECTURES[arch()] ?? arch(),
    osImage: await osName(),
    kernelVersion: release(),
    machineId: await firstLine("/etc/machine-id"),
    bootId: await firstLine("/proc/sys/kernel/random/boot_id"),
  };
}

async function osName(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? version();
}

async function firstLine(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n")[0] ?? "";
}
