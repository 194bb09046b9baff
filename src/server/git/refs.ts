/** The refs of a repository of this server, and how they move: all that `git` is asked for them. */
import { dirname, join } from "node:path";
import { OBJECT_ID } from "../../gitops/source/git-objects.ts";
import { isSafeRefName, type Refs } from "../../gitops/source/ref-name.ts";
import { GitProgramError, runGit } from "./git-program.ts";
import { NO_OBJECT, type RefCommand } from "./receive-request.ts";
import { syncDirectory } from "./sync-directory.ts";

/** Asking for and moving refs are matters of milliseconds, on a busy machine of a second. */
const TIMEOUT_MS = 30_000;

export async function readRefs(gitDir: string): Promise<Refs> {
  const args = ["for-each-ref", "--format=%(objectname) %(refname)"];
  const listed = await runGit({ gitDir, args, timeoutMs: TIMEOUT_MS });
  if (listed.code !== 0)
    throw new GitProgramError(`the refs of ${gitDir} cannot be read: ${listed.stderr}`);
  const ids = new Map<string, string>();
  for (const line of listed.stdout.split("\n")) {
    const id = line.slice(0, NO_OBJECT.length);
    if (OBJECT_ID.test(id)) ids.set(line.slice(NO_OBJECT.length + 1), id);
  }
  const head = await runGit({
    gitDir,
    args: ["symbolic-ref", "-q", "HEAD"],
    timeoutMs: TIMEOUT_MS,
  });
  const headRef = head.stdout.trim() === "" ? undefined : head.stdout.trim();
  return { ids, headRef, headId: headRef === undefined ? undefined : ids.get(headRef) };
}

/** What the refs will be once these commands are carried out. */
export function refsAfter(before: Refs, commands: readonly RefCommand[]): Refs {
  const ids = new Map(before.ids);
  for (const { ref, after } of commands) {
    if (after === NO_OBJECT) ids.delete(ref);
    else ids.set(ref, after);
  }
  const headRef = nextHead(before, ids, commands);
  return { ids, headRef, headId: headRef === undefined ? undefined : ids.get(headRef) };
}

/** HEAD stays; in a repository whose HEAD leads nowhere, the first branch becomes it. */
function nextHead(
  before: Refs,
  ids: ReadonlyMap<string, string>,
  commands: readonly RefCommand[],
): string | undefined {
  if (before.headRef !== undefined && ids.has(before.headRef)) return before.headRef;
  if (before.headId !== undefined) return before.headRef;
  const branches = commands
    .filter(({ ref, after }) => ref.startsWith("refs/heads/") && after !== NO_OBJECT)
    .map(({ ref }) => ref);
  const usual = branches.find((ref) => ref === "refs/heads/master");
  return usual ?? branches[0] ?? before.headRef;
}

/** Undefined: carried out, durably. Otherwise why not; then nothing of it was. */
export async function moveRefs(
  gitDir: string,
  commands: readonly RefCommand[],
  pusher: string,
): Promise<string | undefined> {
  const lines = commands.map(({ ref, before, after }) =>
    after === NO_OBJECT ? `delete ${ref} ${before}\n` : `update ${ref} ${after} ${before}\n`,
  );
  const input = ["start\n", ...lines, "prepare\n", "commit\n"].join("");
  const args = ["update-ref", "-m", "push", "--stdin"];
  const identity = { name: pusher, email: "push@gantry.invalid" };
  // Not to be interrupted: it is decided, and either all of it happens or nothing.
  const moved = await runGit({ gitDir, args, input, identity, timeoutMs: TIMEOUT_MS });
  if (moved.code !== 0) return refusal(moved.stderr);
  const parents = new Set(commands.flatMap(({ ref }) => parentsOf(ref)));
  for (const parent of parents) await syncDirectory(join(gitDir, parent)).catch(ignoreMissing);
  return undefined;
}

export async function setHead(gitDir: string, ref: string): Promise<void> {
  if (!isSafeRefName(ref)) return;
  const args = ["symbolic-ref", "HEAD", ref];
  const set = await runGit({ gitDir, args, timeoutMs: TIMEOUT_MS });
  if (set.code !== 0) throw new GitProgramError(`HEAD cannot be set: ${set.stderr}`);
}

function refusal(stderr: string): string {
  if (/but expected|reference already exists|unable to resolve reference/.test(stderr))
    return "somebody else pushed in the meantime: fetch, then push again";
  if (/Unable to create .*\.lock|cannot lock ref/.test(stderr))
    return /exists; cannot create/.test(stderr)
      ? "a branch of this name, or with this name as a folder, exists"
      : "another push is moving it right now: fetch, then push again";
  return `git cannot move it: ${stderr.split("\n")[0] ?? ""}`;
}

function parentsOf(ref: string): string[] {
  const parents: string[] = [];
  for (let at = dirname(ref); at !== "."; at = dirname(at)) parents.push(at);
  return parents;
}

/** Refs that were deleted took their empty folders along. */
function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
