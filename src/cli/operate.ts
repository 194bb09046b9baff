/** `sync` and `rollback`: request an operation, follow it, say how it ended. */
import { userInfo } from "node:os";
import type { Client } from "../client/client.ts";
import { parseDuration } from "../gitops/duration.ts";
import { type Application, applications } from "../kube/kinds/application.ts";
import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
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
} as const;

interface OperateFlags extends ApplicationFlags {
  readonly output: "text" | "json";
  readonly wait?: boolean;
  readonly timeout: string;
}
interface SyncFlags extends OperateFlags {
  readonly revision?: string;
  readonly prune?: boolean;
}

export async function syncApplication(
  this: CliContext,
  flags: SyncFlags,
  name: string,
): Promise<void> {
  const { revision, prune } = flags;
  await operate(this, flags, name, async () => ({
    ...(revision === undefined ? {} : { revision }),
    ...(prune === undefined ? {} : { prune }),
  }));
}

export async function rollbackApplication(
  this: CliContext,
  flags: OperateFlags,
  name: string,
  target?: string,
): Promise<void> {
  await operate(this, flags, name, async (application) => ({
    revision: rollbackRevision(application, target),
  }));
}

function rollbackRevision({ status }: Application, target: string | undefined): string {
  const history = status?.history ?? [];
  if (target === undefined) {
    const previous = history.filter((entry) => entry.revision !== status?.sync?.revision).at(-1);
    if (previous === undefined)
      throw new CliError("there is no earlier revision in the history; name a commit instead");
    return previous.revision;
  }
  if (!/^\d{1,6}$/.test(target)) return target;
  const entry = history.find((candidate) => candidate.id === Number(target));
  if (entry === undefined)
    throw new CliError(`the history has no entry ${target}; \`gantry history\` lists them`);
  return entry.revision;
}

async function operate(
  context: CliContext,
  flags: OperateFlags,
  name: string,
  request: (application: Application) => Promise<{ revision?: string; prune?: boolean }>,
): Promise<void> {
  const timeoutMs = parseDuration(flags.timeout);
  if (timeoutMs === undefined)
    throw new CliError(`--timeout ${flags.timeout}: write a duration, e.g. 90s or 5m`);
  const client = await connect(flags);
  const { namespace } = flags;
  const before = await getApplication(client, namespace, name);
  // Replaces a request that is still pending as a whole, instead of mixing the two.
  const value = { sync: await request(before), initiatedBy: { username: userInfo().username } };
  const body = [{ op: "add", path: "/operation", value }];
  const requested = await client.patch(applications, { namespace, name }, { type: "json", body });
  const after = await follow(context, client, requested, { wait: flags.wait === true, timeoutMs });
  const state = after.status?.operationState;
  if (flags.output === "json") printJson(context, after.status);
  else
    printLine(
      context,
      `${namespace}/${name}: ${state?.phase ?? "Unknown"} at ${state?.syncResult?.revision ?? "no revision"}: ${state?.message ?? ""}${flags.wait === true ? `; health ${after.status?.health?.status ?? "Unknown"}` : ""}`,
    );
  const healthy = flags.wait !== true || after.status?.health?.status === "Healthy";
  if (state?.phase !== "Succeeded" || !healthy) context.process.exitCode = EXIT.differs;
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
        const health = last.status?.health;
        const line = `${last.status?.sync?.status ?? "Unknown"}, ${health?.status ?? "Unknown"}${health?.message === undefined ? "" : `: ${health.message}`}`;
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

function isOver({ operation, status }: Application, wait: boolean): boolean {
  const finished = operation === undefined && status?.operationState?.finishedAt !== undefined;
  if (!finished) return false;
  if (!wait || status.operationState?.phase !== "Succeeded") return true;
  return status.health?.status === "Healthy" || status.health?.status === "Degraded";
}
