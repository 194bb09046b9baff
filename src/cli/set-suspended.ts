import { applications } from "../kube/kinds/application.ts";
import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
import type { CliContext } from "./context.ts";
import { printLine } from "./output.ts";

export function suspendApplication(
  this: CliContext,
  flags: ApplicationFlags,
  name: string,
): Promise<void> {
  return setSuspended(this, flags, name, true);
}
export function resumeApplication(
  this: CliContext,
  flags: ApplicationFlags,
  name: string,
): Promise<void> {
  return setSuspended(this, flags, name, false);
}

async function setSuspended(
  context: CliContext,
  flags: ApplicationFlags,
  name: string,
  suspended: boolean,
): Promise<void> {
  const client = await connect(flags);
  const { namespace } = flags;
  await getApplication(client, namespace, name);
  const body = { spec: { suspend: suspended ? true : null } };
  await client.patch(applications, { namespace, name }, { type: "merge", body });
  printLine(context, `application ${namespace}/${name} ${suspended ? "suspended" : "resumed"}`);
}
