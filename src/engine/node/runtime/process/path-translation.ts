/**
 * Processes of the host see the host's `/`. Absolute paths that a manifest points at its own
 * mounts are therefore rewritten to where the mount is laid out, so that `command: [node,
 * /app/server.mjs]` and `CONFIG=/etc/web/config.json` mean the same as in an image. Only whole
 * words are paths: an argument, what follows `=` in `--flag=`, or the value of a variable.
 */
import { posix } from "node:path";

export interface ContainerRoot {
  /** Host directory that the container takes for `/`. */
  readonly path: string;
  /** Absolute container paths laid out below it: mounts and the working directory. */
  readonly owned: readonly string[];
}

/** Whether `path` is one of the container's own places or below one. `/` itself never is. */
export function isOwned(root: ContainerRoot, path: string): boolean {
  return root.owned.some(
    (own) => own !== "/" && (path === own || path.startsWith(own.endsWith("/") ? own : `${own}/`)),
  );
}

/** The host path of an owned container path; anything else unchanged. */
export function translatePath(root: ContainerRoot, text: string): string {
  if (!text.startsWith("/")) return text;
  const normal = posix.normalize(text);
  return isOwned(root, normal) ? posix.join(root.path, normal) : text;
}

/** One word of a command line. */
export function translateArgument(root: ContainerRoot, word: string): string {
  const flag = /^(--?[\w.-]+=)(\/.*)$/s.exec(word);
  if (flag?.[1] === undefined || flag[2] === undefined) return translatePath(root, word);
  return flag[1] + translatePath(root, flag[2]);
}

/** A relative path lies inside the root: `..` cannot climb out of it. */
export function insideRoot(root: string, path: string): string {
  return posix.join(root, posix.normalize(posix.join("/", path)));
}
