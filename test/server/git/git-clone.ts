/** A clone to commit in and to push from. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gitIn, type GitRun } from "./git-in.ts";

export type Files = Readonly<Record<string, string | null>>;

export const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${JSON.stringify(value)}\n`;

export class GitClone {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** With a remote `gantry`. */
  static async create(directory: string, url: string): Promise<GitClone> {
    mkdirSync(directory, { recursive: true });
    const clone = new GitClone(directory);
    await clone.git("init", "-q", "-b", "main");
    await clone.git("remote", "add", "gantry", url);
    return clone;
  }

  git(...args: readonly string[]): Promise<GitRun> {
    return gitIn(this.directory, args);
  }

  push(...args: readonly string[]): Promise<GitRun> {
    return this.git("push", "gantry", ...args);
  }

  /** Writes (or, with null, removes) files and commits. Returns the commit. */
  async commit(files: Files, message = "change"): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.directory, path);
      mkdirSync(dirname(file), { recursive: true });
      if (content === null) rmSync(file);
      else writeFileSync(file, content);
    }
    await this.git("add", "-A");
    await this.git("commit", "-q", "--allow-empty", "-m", message);
    return this.rev("HEAD");
  }

  async rev(name: string): Promise<string> {
    return (await this.git("rev-parse", "--verify", "-q", name)).stdout.trim();
  }
}
