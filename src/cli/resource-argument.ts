/** Objects as `gantry sync --resource` names them: `group:Kind:[namespace/]name`, as in Argo CD. */
import type { ApplicationOperation } from "../kube/kinds/application.ts";
import { CliError } from "./context.ts";

type Selected = NonNullable<NonNullable<ApplicationOperation["sync"]>["resources"]>[number];

const FORM = /^([^:/\s]*):([A-Za-z][^:/\s]*):(?:([^:/\s]+)\/)?([^/\s]+)$/;

/** The group is empty for the core kinds: `:ConfigMap:settings`. @throws {CliError} */
export function parseResource(text: string): Selected {
  const [, group = "", kind, namespace, name] = FORM.exec(text) ?? [];
  if (kind === undefined || name === undefined)
    throw new CliError(
      `--resource ${text}: write group:Kind:name or group:Kind:namespace/name, e.g. apps:Deployment:web or :ConfigMap:settings`,
    );
  return {
    ...(group === "" ? {} : { group }),
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
  };
}
