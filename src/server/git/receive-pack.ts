/**
 * The server's side of `git push`: objects go into quarantine, everything is checked, and only
 * then the refs move. What the client reads is written as it happens.
 */
import type { PushGate, PendingPush, Verdict } from "../../gitops/push/push-gate.ts";
import type { RepositoryId } from "../../gitops/push/internal-repository.ts";
import type { Refs } from "../../gitops/source/ref-name.ts";
import { GitLocalSource } from "../../gitops/source/git-local.ts";
import { ProtocolError } from "./pkt-line.ts";
import { type PushOptions, parsePushOptions } from "./push-options.ts";
import { type PackLimits, Quarantine, RefusedPack } from "./quarantine.ts";
import { NO_OBJECT, type ReceiveRequest, type RefCommand } from "./receive-request.ts";
import { moveRefs, readRefs, refsAfter, setHead } from "./refs.ts";
import { RequestBodyError } from "./request-body.ts";
import type { SideBand } from "./side-band.ts";

export interface ReceiveOptions {
  readonly gate: PushGate;
  readonly limits: PackLimits;
}
export interface Push {
  readonly repository: RepositoryId;
  readonly gitDir: string;
  readonly request: ReceiveRequest;
  readonly pack: AsyncIterable<Buffer>;
  /** Who pushes, for the reflog. */
  readonly pusher: string;
  readonly band: SideBand;
  /** Ends it before the refs have moved: nothing has happened then. */
  readonly signal: AbortSignal;
  /** The expensive part is over. */
  readonly onMoved: () => void;
}

/** By ref: undefined when it moved, otherwise why it did not. */
type Outcomes = Map<string, string | undefined>;

export async function receivePack(push: Push, options: ReceiveOptions): Promise<void> {
  const { band, request } = push;
  const outcomes: Outcomes = new Map(request.commands.map(({ ref, problem }) => [ref, problem]));
  try {
    await receive(push, outcomes, options);
    band.report(reportLines("ok", request.commands, outcomes));
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    band.say(`✗ ${reason}`);
    for (const { ref } of request.commands) outcomes.set(ref, "not taken");
    band.report(reportLines(reason, request.commands, outcomes));
  }
}

/** What the client can do something about. */
function reasonOf(error: unknown): string | undefined {
  const isClients =
    error instanceof RefusedPack ||
    error instanceof RequestBodyError ||
    error instanceof ProtocolError;
  return isClients ? error.message : undefined;
}

async function receive(push: Push, outcomes: Outcomes, options: ReceiveOptions): Promise<void> {
  const { gitDir, request, signal, pack } = push;
  if (request.problem !== undefined) throw new ProtocolError(request.problem);
  const wishes = parsePushOptions(request.options);
  const quarantine = await Quarantine.open(gitDir);
  const source = await GitLocalSource.open({
    path: `${push.repository.name}.git`,
    dirs: { gitDir: quarantine.gitDir, commonDir: quarantine.gitDir },
    gitBinary: true,
  });
  try {
    const creates = request.commands.some(({ after }) => after !== NO_OBJECT);
    if (creates) await quarantine.receive(pack, options.limits, signal);
    if (typeof wishes === "string") {
      refuseAll(outcomes, wishes);
      return;
    }
    const before = await readRefs(gitDir);
    refuseStale(request.commands, before, outcomes);
    refuseDeletedHead(request.commands, before, outcomes);
    const candidates = remaining(request.commands, outcomes);
    const tips = candidates.map(({ after }) => after).filter((id) => id !== NO_OBJECT);
    await quarantine.requireConnected(tips, before.ids.values(), options.limits, signal);
    const after = refsAfter(before, candidates);
    const verdict = await check(push, { before, after }, source, options);
    for (const [ref, reason] of verdict.refused) outcomes.set(ref, reason);
    if (wishes.dryRun) refuseAll(outcomes, "dry run, as asked: nothing was moved");
    if (request.capabilities.has("atomic") && [...outcomes.values()].some(isRefused))
      refuseAll(outcomes, "not moved, because another one of this atomic push cannot be");
    const accepted = remaining(request.commands, outcomes);
    if (accepted.length === 0) return;
    signal.throwIfAborted();
    await quarantine.adopt();
    await move(push, accepted, outcomes);
    if (after.headRef !== undefined && after.headRef !== before.headRef)
      await setHead(gitDir, after.headRef);
    await tellMoved(push, verdict, wishes, outcomes, options);
  } finally {
    // Its trees are compared until the rollout is over.
    await source.close();
    await quarantine.discard();
  }
}

function refuseAll(outcomes: Outcomes, reason: string): void {
  for (const [ref, known] of outcomes) outcomes.set(ref, known ?? reason);
}

const isRefused = (reason: string | undefined): boolean => reason !== undefined;

function remaining(commands: readonly RefCommand[], outcomes: Outcomes): RefCommand[] {
  return commands.filter(({ ref }) => outcomes.get(ref) === undefined);
}

function refuseStale(commands: readonly RefCommand[], { ids }: Refs, outcomes: Outcomes): void {
  for (const { ref, before } of remaining(commands, outcomes))
    if ((ids.get(ref) ?? NO_OBJECT) !== before)
      outcomes.set(ref, "somebody else pushed in the meantime: fetch, then push again");
}

function refuseDeletedHead(
  commands: readonly RefCommand[],
  { headRef }: Refs,
  outcomes: Outcomes,
): void {
  for (const { ref, after } of remaining(commands, outcomes))
    if (after === NO_OBJECT && ref === headRef)
      outcomes.set(ref, "it is the repository's default branch");
}

function check(
  { band, repository, signal }: Push,
  refs: Pick<PendingPush, "before" | "after">,
  source: GitLocalSource,
  { gate }: ReceiveOptions,
): Promise<Verdict> {
  const pending = { repository, ...refs, commit: (id: string) => source.resolve(id) };
  return gate.check(pending, (line) => band.say(line), signal);
}

/** Together where that works; otherwise each by itself, unless the client wants all or nothing. */
async function move(
  push: Push,
  accepted: readonly RefCommand[],
  outcomes: Outcomes,
): Promise<void> {
  const { gitDir, pusher, request } = push;
  const refused = await moveRefs(gitDir, accepted, pusher);
  if (refused === undefined) return;
  if (accepted.length === 1 || request.capabilities.has("atomic")) {
    for (const { ref } of accepted) outcomes.set(ref, refused);
    return;
  }
  for (const command of accepted)
    outcomes.set(command.ref, await moveRefs(gitDir, [command], pusher));
}

async function tellMoved(
  push: Push,
  verdict: Verdict,
  wishes: PushOptions,
  outcomes: Outcomes,
  { gate }: ReceiveOptions,
): Promise<void> {
  const { band, onMoved, signal, request } = push;
  onMoved();
  const isMoved = (ref: string): boolean => outcomes.get(ref) === undefined;
  for (const { ref, after } of request.commands.filter((command) => isMoved(command.ref)))
    band.say(`-----> ${after === NO_OBJECT ? "Deleted" : "Moved"} ${ref} ${after.slice(0, 10)}`);
  const checked = verdict.checked.filter(({ ref }) => isMoved(ref));
  gate.moved(checked);
  if (wishes.noWait || checked.length === 0) return;
  try {
    const results = await gate.follow(checked, (line) => band.say(line), signal);
    band.say("");
    for (const { line } of results) band.say(line);
  } catch (error) {
    // The refs have moved: whatever ends the watching, the push has succeeded.
    if (!signal.aborted) throw error;
    band.say("… the server is stopping; the rollout goes on when it runs again");
  }
}

function reportLines(
  unpack: string,
  commands: readonly RefCommand[],
  outcomes: Outcomes,
): string[] {
  const oneLine = (text: string): string => text.replace(/\s+/g, " ");
  return [
    `unpack ${oneLine(unpack)}`,
    ...commands.map(({ ref }) => {
      const reason = outcomes.get(ref);
      return reason === undefined ? `ok ${ref}` : `ng ${ref} ${oneLine(reason)}`;
    }),
  ];
}
