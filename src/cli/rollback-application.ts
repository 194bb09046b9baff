/** `rollback`: shows what going back would change, asks, and goes back. */
import type { Client } from "../client/client.ts";
import type { Plan } from "../gitops/plan/plan.ts";
import {
  type Application,
  type ApplicationHistoryEntry,
  deployments,
  revisionId,
} from "../kube/kinds/application.ts";
import { getApplication } from "./application-flags.ts";
import { planApplication } from "./application-plan.ts";
import { confirm } from "./confirm.ts";
import { connect } from "./connect.ts";
import { type CliContext, CliError } from "./context.ts";
import { describeFailure } from "./failure.ts";
import { operate, type OperateFlags, timeoutOf } from "./operate.ts";
import { printJson, printLine, progress } from "./output.ts";
import { planJson, planText } from "./plan-output.ts";

interface RollbackFlags extends OperateFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export async function rollbackApplication(
  this: CliContext,
  flags: RollbackFlags,
  name: string,
  target?: string,
): Promise<void> {
  timeoutOf(flags);
  const client = await connect(flags);
  const application = await getApplication(client, flags.namespace, name);
  const revision = rollbackRevision(application, target);
  if (flags.dryRun === true) {
    const plan = await planApplication(client, application, revision);
    if (flags.output === "json") printJson(this, { revision, ...planJson(plan) });
    else printLine(this, planText(plan));
    return;
  }
  const preview = await previewOf(client, application, revision);
  // With JSON, standard output holds the result alone.
  if (flags.output === "json") progress(this, preview);
  else printLine(this, preview);
  const question = `Roll ${flags.namespace}/${name} back to ${revision.slice(0, 12)}?`;
  if (flags.yes !== true && !(await confirm(this, question)))
    throw new CliError("nothing was changed");
  const { prune } = flags;
  const sync = { revision, ...(prune === undefined ? {} : { prune }) };
  await operate(this, client, flags, { name, sync });
}

/** A repository that cannot be read from here must not keep anybody from going back. */
async function previewOf(
  client: Client,
  application: Application,
  revision: string,
): Promise<string> {
  let plan: Plan;
  try {
    plan = await planApplication(client, application, revision);
  } catch (error) {
    return `what would change cannot be shown from here: ${describeFailure(error)}`;
  }
  return planText(plan);
}

function rollbackRevision({ status }: Application, target: string | undefined): string {
  const history = status?.history ?? [];
  if (target === undefined) {
    const { revision: current = "", revisions } = status?.sync ?? {};
    const previous = deployments(status)
      .filter((entry) => idOf(entry) !== revisionId(current, revisions))
      .at(-1);
    if (previous === undefined)
      throw new CliError("there is no earlier revision in the history; name a commit instead");
    return idOf(previous);
  }
  if (!/^\d{1,6}$/.test(target)) return target;
  const entry = history.find((candidate) => candidate.id === Number(target));
  if (entry === undefined)
    throw new CliError(`the history has no entry ${target}; \`gantry history\` lists them`);
  return idOf(entry);
}

const idOf = ({ revision, revisions }: ApplicationHistoryEntry): string =>
  revisionId(revision, revisions);
