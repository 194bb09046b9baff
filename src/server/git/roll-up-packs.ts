/**
 * Every push brings a pack; reading gets slow when there are hundreds. Rolls small ones up into
 * larger ones. Drops nothing, not even what no ref leads to: a push may be about to name it.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runGit } from "./git-program.ts";

/** As git's own `gc.autoPackLimit`. */
const MAX_PACKS = 50;
/** Of a repository that is as large as pushes may make it. */
const TIMEOUT_MS = 10 * 60_000;

/** @throws GitProgramError, or the signal's reason */
export async function rollUpPacks(
  gitDir: string,
  signal: AbortSignal,
  maxPacks = MAX_PACKS,
): Promise<void> {
  const names = await readdir(join(gitDir, "objects", "pack"));
  if (names.filter((name) => name.endsWith(".pack")).length <= maxPacks) return;
  const args = ["repack", "--geometric=2", "-d", "-l", "-q"];
  await runGit({ gitDir, args, timeoutMs: TIMEOUT_MS, signal });
}
