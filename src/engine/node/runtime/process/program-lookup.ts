/** Finds the program that a command names: in the container's own root first, then on this machine. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { RuntimeError } from "../runtime.ts";
import { type ContainerRoot, insideRoot, isOwned } from "./path-translation.ts";

export interface LookupPlace {
  readonly root: ContainerRoot;
  /** Host path of the working directory. */
  readonly cwd: string;
  /** The container's PATH. */
  readonly searchPath: string;
}

/** Host path of the program. Throws `RuntimeError` with what to change. */
export async function findProgram(command: string, place: LookupPlace): Promise<string> {
  for (const candidate of candidates(command, place))
    if (await isExecutable(candidate)) return candidate;
  const where = command.includes("/") ? "" : ` in the PATH (${place.searchPath})`;
  throw new RuntimeError(
    "CreateContainerError",
    `no executable program "${command}"${where}: the process runtime runs programs of this machine and does not pull images; install it, or change the container's command`,
  );
}

function candidates(command: string, { root, cwd, searchPath }: LookupPlace): string[] {
  if (isAbsolute(command)) return [insideRoot(root.path, command), command];
  if (command.includes("/")) return [resolve(cwd, command)];
  return searchPath
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .flatMap((directory) => {
      const host = join(directory, command);
      return isOwned(root, directory) ? [insideRoot(root.path, host), host] : [host];
    });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
