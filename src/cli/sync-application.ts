import type { ApplicationOperation } from "../kube/kinds/application.ts";
import { getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
import type { CliContext } from "./context.ts";
import { operate, type OperateFlags, timeoutOf } from "./operate.ts";
import { parseResource } from "./resource-argument.ts";

interface SyncFlags extends OperateFlags {
  readonly revision?: string;
  readonly resource?: readonly string[];
  readonly force?: boolean;
  readonly confirm?: boolean;
  readonly dryRun?: boolean;
}

export async function syncApplication(
  this: CliContext,
  flags: SyncFlags,
  name: string,
): Promise<void> {
  timeoutOf(flags);
  const sync = requestOf(flags);
  const client = await connect(flags);
  await getApplication(client, flags.namespace, name);
  await operate(this, client, flags, { name, sync });
}

/** Only what was asked for: everything else is up to the Application's policy. */
function requestOf({
  revision,
  resource = [],
  prune,
  force,
  confirm,
  dryRun,
}: SyncFlags): ApplicationOperation["sync"] & object {
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(resource.length === 0 ? {} : { resources: resource.map(parseResource) }),
    ...(prune === undefined ? {} : { prune }),
    ...(force === undefined ? {} : { force }),
    ...(confirm === undefined ? {} : { confirm }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
}
