/** Files as an archive, for the pipe into the sandbox. */
import type { SandboxFile } from "./sandbox.ts";

/** Content of Git has no time of its own: the same files give the same bytes. */
const NO_TIME = new Date(0);

export async function tarOf(files: readonly SandboxFile[]): Promise<Uint8Array> {
  const { packTar } = await import("modern-tar");
  const directories = new Set<string>();
  const entries: Parameters<typeof packTar>[0][number][] = [];
  for (const file of files) {
    addParents(file.path);
    if ("link" in file)
      entries.push({
        header: { name: file.path, size: 0, type: "symlink", linkname: file.link, mtime: NO_TIME },
      });
    else
      entries.push({
        header: {
          name: file.path,
          size: file.content.length,
          type: "file",
          mode: 0o444,
          mtime: NO_TIME,
        },
        body: file.content,
      });
  }
  return packTar(entries);

  function addParents(path: string): void {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const name = path.slice(0, at + 1);
      if (directories.has(name)) continue;
      directories.add(name);
      entries.push({ header: { name, size: 0, type: "directory", mode: 0o755, mtime: NO_TIME } });
    }
  }
}
