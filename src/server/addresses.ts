/** Where a running server is reached: `<data-dir>/addresses.json`, written once both listeners are up. */
import { readFile, rm, writeFile, rename } from "node:fs/promises";
import { join } from "node:path";

export interface Addresses {
  /** `https://127.0.0.1:6443` */
  readonly api: string;
  /** `http://127.0.0.1:7575` */
  readonly web: string;
}

const FILE = "addresses.json";

export async function writeAddresses(dataDir: string, addresses: Addresses): Promise<void> {
  const path = join(dataDir, FILE);
  await writeFile(`${path}.tmp`, `${JSON.stringify(addresses)}\n`);
  await rename(`${path}.tmp`, path);
}

/** Undefined when no server has written any, or what is there is no such file. */
export async function readAddresses(dataDir: string): Promise<Addresses | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(dataDir, FILE), "utf8"));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { api, web } = parsed as Partial<Addresses>;
    return typeof api === "string" && typeof web === "string" ? { api, web } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function removeAddresses(dataDir: string): Promise<void> {
  return rm(join(dataDir, FILE), { force: true });
}
