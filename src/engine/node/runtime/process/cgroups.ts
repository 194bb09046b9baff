/**
 * Memory and CPU limits through Linux control groups, version 2 or 1. Only root may make groups;
 * without them, and on other systems, limits are recorded but not enforced.
 */
import { access, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerConfig } from "../runtime.ts";

type Limits = NonNullable<ContainerConfig["resources"]>;

export interface Cgroups {
  /** Makes a group with these limits for a container that is about to start. */
  create(name: string, limits: Limits): Promise<Cgroup>;
  /** The group of a container of an earlier agent. */
  find(name: string): Cgroup;
}
export interface Cgroup {
  /** Files to which a process writes its pid to join. */
  readonly entrances: readonly string[];
  /** Whether the kernel killed a process of the group for want of memory. */
  wasOomKilled(): Promise<boolean>;
  remove(): Promise<void>;
}

const MOUNT = "/sys/fs/cgroup";
const OWN = "gantry";
/** Time over which CPU use is counted, the kernel's and container runtimes' default. */
const CPU_PERIOD_US = 100_000;
/** The kernel refuses smaller shares. */
const MIN_CPU_QUOTA_US = 1_000;

/** Undefined where groups cannot be made. */
export async function openCgroups(mount = MOUNT): Promise<Cgroups | undefined> {
  if (process.platform !== "linux") return undefined;
  for (const layout of [VERSION_2, VERSION_1])
    try {
      await layout.prepare(mount);
      return cgroupsOf(layout, mount);
    } catch {
      // Not this version, or no permission: the other one, or none.
    }
  return undefined;
}

interface Layout {
  /** Directories of the hierarchies, below the mount. */
  readonly hierarchies: readonly string[];
  readonly prepare: (mount: string) => Promise<void>;
  readonly settings: (limits: Limits) => readonly (readonly [file: string, value: string])[];
  /** The file that counts `oom_kill`. */
  readonly oomFile: string;
}

const VERSION_2: Layout = {
  hierarchies: [""],
  async prepare(mount) {
    // Elsewhere the next line would make an ordinary file.
    await access(join(mount, "cgroup.controllers"));
    await writeFile(join(mount, "cgroup.subtree_control"), "+memory +cpu");
    await mkdir(join(mount, OWN), { recursive: true });
    await writeFile(join(mount, OWN, "cgroup.subtree_control"), "+memory +cpu");
  },
  settings: ({ memoryBytes, cpuMillis }) => [
    ...(memoryBytes === undefined ? [] : [["memory.max", String(memoryBytes)] as const]),
    ...(cpuMillis === undefined
      ? []
      : [["cpu.max", `${quotaUs(cpuMillis)} ${CPU_PERIOD_US}`] as const]),
  ],
  oomFile: "memory.events",
};

const VERSION_1: Layout = {
  hierarchies: ["memory", "cpu"],
  async prepare(mount) {
    for (const controller of ["memory", "cpu"]) {
      await access(join(mount, controller, "cgroup.procs"));
      await mkdir(join(mount, controller, OWN), { recursive: true });
    }
  },
  settings: ({ memoryBytes, cpuMillis }) => [
    ...(memoryBytes === undefined
      ? []
      : [["memory/memory.limit_in_bytes", String(memoryBytes)] as const]),
    ...(cpuMillis === undefined
      ? []
      : [
          ["cpu/cpu.cfs_period_us", String(CPU_PERIOD_US)] as const,
          ["cpu/cpu.cfs_quota_us", String(quotaUs(cpuMillis))] as const,
        ]),
  ],
  oomFile: "memory/memory.oom_control",
};

const quotaUs = (cpuMillis: number): number =>
  Math.max(MIN_CPU_QUOTA_US, (cpuMillis * CPU_PERIOD_US) / 1000);

function cgroupsOf(layout: Layout, mount: string): Cgroups {
  /** `memory/memory.max` → `<mount>/memory/gantry/<name>/memory.max`. */
  const fileOf = (name: string, file: string): string => {
    const slash = file.indexOf("/");
    return join(mount, file.slice(0, Math.max(0, slash)), OWN, name, file.slice(slash + 1));
  };
  const directories = (name: string): string[] =>
    layout.hierarchies.map((hierarchy) => join(mount, hierarchy, OWN, name));
  const oomKills = async (name: string): Promise<number> => {
    const text = await readFile(fileOf(name, layout.oomFile), "utf8").catch(() => "");
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const find = (name: string, oomKillsBefore = 0): Cgroup => ({
    entrances: directories(name).map((directory) => join(directory, "cgroup.procs")),
    wasOomKilled: async () => (await oomKills(name)) > oomKillsBefore,
    async remove() {
      // A group that still has processes stays; the next start of the container takes it again.
      for (const directory of directories(name)) await rmdir(directory).catch(() => undefined);
    },
  });
  return {
    find: (name) => find(name),
    async create(name, limits) {
      for (const directory of directories(name)) await mkdir(directory, { recursive: true });
      for (const [file, value] of layout.settings(limits))
        await writeFile(fileOf(name, file), value);
      // A group that could not be removed in time still knows of its last container.
      return find(name, await oomKills(name));
    },
  };
}
