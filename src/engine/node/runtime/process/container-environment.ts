/**
 * The environment of a process: the container's variables and the few that programs cannot do
 * without. Nothing else of the operator's own environment passes: it may hold credentials.
 */
import { delimiter, dirname } from "node:path";
import { type ContainerRoot, translatePath } from "./path-translation.ts";

/** Of the operator's own environment, these pass: none can hold a secret. */
const INHERITED = ["LANG", "LC_ALL", "TZ", "SystemRoot"] as const;

export function containerEnvironment(
  env: ReadonlyMap<string, string>,
  root: ContainerRoot,
  host: Readonly<Record<string, string | undefined>> = process.env,
): Map<string, string> {
  const environment = new Map<string, string>();
  // The running Node.js comes last: scripts find it even where it is not installed system-wide.
  const searchPath = [host["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", dirname(process.execPath)];
  environment.set("PATH", searchPath.join(delimiter));
  environment.set("HOME", root.path);
  environment.set("TMPDIR", `${root.path}/tmp`);
  for (const name of INHERITED) {
    const value = host[name];
    if (value !== undefined) environment.set(name, value);
  }
  for (const [name, value] of env) environment.set(name, translatePath(root, value));
  return environment;
}
