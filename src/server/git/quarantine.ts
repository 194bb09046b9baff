/**
 * Where pushed objects wait until it is decided: a repository of its own, which borrows the
 * objects of the one that is pushed to. Whatever ends the push before, it is deleted as a whole;
 * readers of the real repository never see any of it.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GitProgramError, runGit } from "./git-program.ts";
import { syncDirectory } from "./sync-directory.ts";

const FOLDER = "quarantine";

export interface PackLimits {
  readonly maxBytes: number;
  /** After the last byte came, too. */
  readonly timeoutMs: number;
}

/** The objects that were pushed cannot be taken; the message is for the one who pushed. */
export class RefusedPack extends Error {
  override readonly name = "RefusedPack";
}

export class Quarantine {
  readonly gitDir: string;
  readonly #repository: string;

  private constructor(repository: string, gitDir: string) {
    this.#repository = repository;
    this.gitDir = gitDir;
  }

  static async open(repository: string): Promise<Quarantine> {
    const gitDir = join(repository, FOLDER, randomUUID());
    await mkdir(join(gitDir, "objects", "info"), { recursive: true });
    await mkdir(join(gitDir, "objects", "pack"));
    await mkdir(join(gitDir, "refs"));
    const config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
    await writeFile(join(gitDir, "config"), config);
    await writeFile(join(gitDir, "HEAD"), "ref: refs/heads/none\n");
    const alternates = `${join(repository, "objects")}\n`;
    await writeFile(join(gitDir, "objects", "info", "alternates"), alternates);
    return new Quarantine(repository, gitDir);
  }

  /** @throws RefusedPack for a pack that is damaged, too large or holds malformed objects */
  async receive(
    pack: AsyncIterable<Buffer>,
    limits: PackLimits,
    signal: AbortSignal,
  ): Promise<void> {
    const args = [
      "index-pack",
      "--stdin",
      "--fix-thin",
      "--strict=badFilemode=error,nulInHeader=error",
      `--max-input-size=${limits.maxBytes}`,
      "--threads=2",
    ];
    const { timeoutMs } = limits;
    const result = await runGit({ gitDir: this.gitDir, args, input: pack, timeoutMs, signal });
    if (result.code !== 0) throw new RefusedPack(complaint(result.stderr));
  }

  /**
   * Whether everything that these commits and tags lead to is here.
   * @throws RefusedPack when it is not
   */
  async requireConnected(
    tips: readonly string[],
    known: Iterable<string>,
    limits: Pick<PackLimits, "timeoutMs">,
    signal: AbortSignal,
  ): Promise<void> {
    if (tips.length === 0) return;
    const args = ["rev-list", "--objects", "--quiet", "--stdin"];
    const not = [...new Set(known)].map((id) => `^${id}\n`);
    const input = [...new Set(tips)].map((id) => `${id}\n`).join("") + not.join("");
    const { timeoutMs } = limits;
    const result = await runGit({ gitDir: this.gitDir, args, input, timeoutMs, signal });
    if (result.code === 0) return;
    throw new RefusedPack(
      `objects are missing (${complaint(result.stderr)}); if this is a shallow clone, run \`git fetch --unshallow\` first`,
    );
  }

  /** Moves the objects into the repository, durably. Refs may name them afterwards. */
  async adopt(): Promise<void> {
    const from = join(this.gitDir, "objects", "pack");
    const to = join(this.#repository, "objects", "pack");
    const names = (await readdir(from)).filter((name) => name.startsWith("pack-"));
    const empty = new Set<string>();
    for (const name of names.filter((each) => each.endsWith(".pack")))
      if (await isEmptyPack(join(from, name))) empty.add(name.slice(0, -".pack".length));
    // The index comes last: a pack counts from then on.
    const order = [".pack", ".rev", ".idx"];
    const wanted = names.filter((name) => !empty.has(name.replace(/\.[^.]*$/, "")));
    const rank = (name: string): number => order.findIndex((suffix) => name.endsWith(suffix));
    for (const name of wanted.filter((each) => rank(each) >= 0).sort((a, b) => rank(a) - rank(b)))
      await rename(join(from, name), join(to, name));
    if (wanted.length > 0) await syncDirectory(to);
  }

  async discard(): Promise<void> {
    await rm(this.gitDir, { recursive: true, force: true });
  }
}

/** Deletes what pushes left behind that were under way when the server was killed. */
export async function discardQuarantines(repository: string): Promise<void> {
  await rm(join(repository, FOLDER), { recursive: true, force: true });
}

async function isEmptyPack(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const header = Buffer.alloc(12);
    const { bytesRead } = await file.read(header, 0, header.length, 0);
    if (bytesRead < header.length) throw new GitProgramError("git left a pack that is cut short");
    return header.readUInt32BE(8) === 0;
  } finally {
    await file.close();
  }
}

/** The first complaint of git, without its prefix. */
function complaint(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const fatal = lines.find((line) => /^(fatal|error): /.test(line)) ?? lines[0];
  return fatal?.replace(/^(fatal|error): /, "") ?? "git refuses the objects";
}
