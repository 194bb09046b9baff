/** Requests an operation of an Application, follows it, and says how it ended. */
import { userInfo } from "node:os";
import type { Client } from "../client/client.ts";
import { parseDuration } from "../gitops/duration.ts";
import { formatRef } from "../gitops/plan/object-ref.ts";
import { refsOf } from "../gitops/report/resource-ref.ts";
import {
  type Application,
  type ApplicationOperation,
  type ApplicationOperationResource,
  applications,
} from "../kube/kinds/application.ts";
import type { ApplicationFlags } from "./application-flags.ts";
import { type CliContext, CliError, EXIT } from "./context.ts";
import { outputFlag, printJson, printLine, progress } from "./output.ts";

export const waitFlags = {
  output: outputFlag,
  wait: {
    kind: "boolean",
    brief: "Wait until everything is healthy, too",
    optional: true,
    withNegated: false,
  },
  timeout: {
    kind: "parsed",
    parse: String,
    brief: "How long to wait, e.g. 90s or 5m",
    default: "5m",
    placeholder: "DURATION",
  },
  prune: {
    kind: "boolean",
    brief: "Delete what is not in that revision",
    optional: true,
    withNegated: false,
  },
} as const;

export interface OperateFlags extends ApplicationFlags {
  readonly output: "text" | "json";
  readonly wait?: boolean;
  readonly timeout: string;
  readonly prune?: boolean;
}

/** Who asks, as the history shows it. */
export const currentUser = (): string => userInfo().username;

/** @throws {CliError} for a timeout that is no duration */
export function timeoutOf({ timeout }: OperateFlags): number {
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined)
    throw new CliError(`--timeout ${timeout}: write a duration, e.g. 90s or 5m`);
  return timeoutMs;
}

export async function operate(
  context: CliContext,
  client: Client,
  flags: OperateFlags,
  { name, sync }: { readonly name: string; readonly sync: ApplicationOperation["sync"] & object },
): Promise<void> {
  const timeoutMs = timeoutOf(flags);
  const { namespace } = flags;
  // Replaces a request that is still pending as a whole, instead of mixing the two.
  const value = { sync, initiatedBy: { username: currentUser() } };
  const body = [{ op: "add", path: "/operation", value }] as never;
  const requested = await client.patch(applications, { namespace, name }, { type: "json", body });
  const wait = flags.wait === true && sync.dryRun !== true;
  const after = await follow(context, client, requested, { wait, timeoutMs });
  const state = after.status?.operationState;
  if (flags.output === "json") printJson(context, after.status);
  else {
    const told = state?.syncResult?.resources ?? [];
    for (const line of told.filter((result) => sync.dryRun === true || isFailed(result)))
      printLine(context, resultLine(line));
    const health = wait ? `; health ${after.status?.health?.status ?? "Unknown"}` : "";
    printLine(
      context,
      `${namespace}/${name}: ${state?.phase ?? "Unknown"} at ${state?.syncResult?.revision ?? "no revision"}: ${state?.message ?? ""}${health}`,
    );
  }
  const healthy = !wait || after.status?.health?.status === "Healthy";
  if (!healthy || state?.phase === "Failed") await tellCauses(context, client, after);
  if (state?.phase !== "Succeeded" || !healthy) context.process.exitCode = EXIT.differs;
}

/** What fails and why, with the last words of the container: nobody has to go and look. */
async function tellCauses(
  context: CliContext,
  client: Client,
  application: Application,
): Promise<void> {
  const { diagnoseApplication } = await import("../gitops/diagnose/diagnose.ts");
  const { diagnosisLines } = await import("../gitops/diagnose/diagnosis-lines.ts");
  const { signal } = new AbortController();
  const found = await diagnoseApplication(application, { client, nowMs: Date.now(), signal });
  for (const line of found.flatMap(diagnosisLines)) progress(context, line);
}

const isFailed = ({ status }: ApplicationOperationResource): boolean => status === "SyncFailed";

function resultLine(result: ApplicationOperationResource): string {
  const [ref] = refsOf([result]);
  const sign = isFailed(result) ? "✗" : result.status === "Synced" ? "~" : "-";
  return `${sign} ${ref === undefined ? result.name : formatRef(ref)}: ${result.message ?? result.status}`;
}

/** Watches until the operation is over, and, when waiting, until health is decided. */
async function follow(
  context: CliContext,
  client: Client,
  requested: Application,
  options: { readonly wait: boolean; readonly timeoutMs: number },
): Promise<Application> {
  const { namespace = "", name, resourceVersion = "" } = requested.metadata;
  const signal = AbortSignal.timeout(options.timeoutMs);
  let last = requested;
  let told = "";
  try {
    for (;;) {
      const watch = client.watch(applications, {
        namespace,
        fieldSelector: `metadata.name=${name}`,
        resourceVersion: last.metadata.resourceVersion ?? resourceVersion,
        signal,
      });
      for await (const event of watch) {
        if (event.type === "BOOKMARK") continue;
        if (event.type === "DELETED")
          throw new CliError(`Application ${namespace}/${name} was deleted`);
        last = event.object;
        const line = progressLine(last);
        if (line !== told) progress(context, line);
        told = line;
        if (isOver(last, options.wait)) return last;
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliError(
      `not finished after ${options.timeoutMs / 1000} s: ${told}; \`gantry status ${name}\` shows why`,
      { cause: error, exitCode: EXIT.differs },
    );
  }
}

function progressLine({ status }: Application): string {
  const { sync, health, operationState } = status ?? {};
  const state = `${sync?.status ?? "Unknown"}, ${health?.status ?? "Unknown"}${health?.message === undefined ? "" : `: ${health.message}`}`;
  const isRunning = operationState?.phase === "Running";
  return isRunning ? `${operationState.message ?? "syncing"} (${state})` : state;
}

function isOver({ operation, status }: Application, wait: boolean): boolean {
  const finished = operation === undefined && status?.operationState?.finishedAt !== undefined;
  if (!finished) return false;
  if (!wait || status.operationState?.phase !== "Succeeded") return true;
  return status.health?.status === "Healthy" || status.health?.status === "Degraded";
}
