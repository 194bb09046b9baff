/** Programs of the operating system, found by absolute paths: no container decides what runs. */
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

const SYSTEM_PATH = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Undefined where this machine does not have it. */
export async function findSystemProgram(name: string): Promise<string | undefined> {
  const own = (process.env["PATH"] ?? "").split(delimiter).filter((path) => path.startsWith("/"));
  for (const directory of [...SYSTEM_PATH, ...own])
    try {
      await access(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {
      // The next directory may have it.
    }
  return undefined;
}
