import { formatTime } from "../client/timestamps.ts";
import { SUSPENDED_AT, SUSPENDED_BY } from "../gitops/gates/suspension.ts";
import { type Application, applications } from "../kube/kinds/application.ts";
import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
import type { CliContext } from "./context.ts";
import { currentUser } from "./operate.ts";
import { printLine } from "./output.ts";

export async function suspendApplication(
  this: CliContext,
  flags: ApplicationFlags,
  name: string,
): Promise<void> {
  const client = await connect(flags);
  const { namespace } = flags;
  await getApplication(client, namespace, name);
  const annotations = {
    [SUSPENDED_BY]: currentUser(),
    [SUSPENDED_AT]: formatTime(Date.now()),
  };
  const body = { metadata: { annotations }, spec: { suspend: true } };
  await client.patch(applications, { namespace, name }, { type: "merge", body });
  printLine(this, `application ${namespace}/${name} suspended`);
}

/** Also lifts what a rollback keeps out: the newest commit is synced again. */
export async function resumeApplication(
  this: CliContext,
  flags: ApplicationFlags,
  name: string,
): Promise<void> {
  const client = await connect(flags);
  const { namespace } = flags;
  const application = await getApplication(client, namespace, name);
  const held = application.status?.rollback;
  const lifts = held !== undefined && isAutomated(application);
  const operation = { sync: {}, initiatedBy: { username: currentUser() } };
  const annotations = { [SUSPENDED_BY]: null, [SUSPENDED_AT]: null };
  const body = {
    metadata: { annotations },
    spec: { suspend: null },
    ...(lifts ? { operation } : {}),
  };
  await client.patch(applications, { namespace, name }, { type: "merge", body });
  printLine(this, `application ${namespace}/${name} resumed${liftedText(held, lifts)}`);
}

const isAutomated = ({ spec }: Application): boolean =>
  spec.syncPolicy?.automated !== undefined && spec.syncPolicy.automated.enabled !== false;

function liftedText(held: NonNullable<Application["status"]>["rollback"], lifts: boolean): string {
  if (held === undefined) return "";
  const kept = held.insteadOf.slice(0, 12);
  return lifts
    ? `; ${kept} is no longer kept out`
    : `; it stays rolled back from ${kept} until a sync: \`gantry sync\``;
}
