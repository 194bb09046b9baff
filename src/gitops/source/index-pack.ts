/** Puts a checked pack and its index into a bare repository, each appearing whole or not at all. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { PromiseFsClient } from "isomorphic-git";
import { writeFileAtomically } from "./atomic-file.ts";
import { gitEnvironment } from "./git-program.ts";
import { PackError } from "./pack-check.ts";

const TRAILER_BYTES = 20;
/** What of git's complaints is kept for an error. */
const MAX_STDERR_CHARS = 2000;

/** @param objects how many the server sent; bases that were added are not counted */
export type PackIndexer = (pack: Buffer, objects: number, signal: AbortSignal) => Promise<void>;

/** By `git index-pack`: some ten times faster, on other cores. */
export function gitIndexer(gitDir: string): PackIndexer {
  return (pack, _objects, signal) =>
    new Promise((resolve, reject) => {
      const child = spawn("git", ["index-pack", "--stdin", "--fix-thin"], {
        cwd: gitDir,
        env: gitEnvironment(gitDir),
        stdio: ["pipe", "ignore", "pipe"],
        signal,
        killSignal: "SIGKILL",
      });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr = (stderr + chunk.toString("utf8")).slice(-MAX_STDERR_CHARS);
      });
      // When git stops reading, its exit code and words say why.
      child.stdin.on("error", () => undefined);
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) resolve();
        else reject(new PackError("corrupt", `git cannot index the pack: ${stderr.trim()}`));
      });
      child.stdin.end(pack);
    });
}

const atomicFs: PromiseFsClient = {
  promises: { ...fs.promises, writeFile: writeFileAtomically },
};

/** Without the program. */
export function isomorphicIndexer(gitDir: string): PackIndexer {
  return async (pack, objects) => {
    const sum = pack.toString("hex", pack.length - TRAILER_BYTES);
    const filepath = `objects/pack/pack-${sum}.pack`;
    const { default: git } = await import("isomorphic-git");
    await writeFileAtomically(join(gitDir, filepath), pack);
    try {
      const { oids } = await git.indexPack({ fs: atomicFs, dir: gitDir, gitdir: gitDir, filepath });
      // It leaves out what it cannot unpack.
      if (oids.length < objects) throw new PackError("corrupt", "a delta of the pack has no base");
    } catch (error) {
      await rm(join(gitDir, filepath.replace(/\.pack$/, ".idx")), { force: true });
      await rm(join(gitDir, filepath), { force: true });
      throw error;
    }
  };
}
