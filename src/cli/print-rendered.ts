import { stringify } from "yaml";
import { printableLine, printableText } from "../kube/printable-text.ts";
import { type CliContext, CliError } from "./context.ts";
import type { SandboxMode } from "../gitops/render/programs/sandbox.ts";
import type { LocalRendering } from "./local-manifests.ts";
import { renderingOptions } from "./rendering-flags.ts";
import { renderPath, requireReadable } from "./local-manifests.ts";
import { printJson } from "./output.ts";

interface RenderFlags {
  readonly revision?: string;
  readonly output: "yaml" | "json";
  readonly namespace: string;
  readonly releaseName?: string;
  readonly values?: readonly string[];
  readonly set?: readonly string[];
  readonly kustomize?: string;
  readonly helm?: string;
  readonly renderSandbox?: SandboxMode;
}

export async function printRendered(
  this: CliContext,
  flags: RenderFlags,
  path: string,
): Promise<void> {
  const { revision, namespace, values } = flags;
  const rendered = await renderPath(path, {
    revision,
    namespace,
    programs: renderingOptions(flags),
    ...(values === undefined ? {} : { valueFiles: values }),
    ...helmOptions(flags),
  });
  const { objects } = requireReadable(rendered);
  if (flags.output === "json") {
    const items = objects.map(({ object }) => object);
    printJson(this, { apiVersion: "v1", kind: "List", items });
    return;
  }
  for (const { object, origin } of objects) {
    // A name with a line end must not become an object of its own.
    this.process.stdout.write(`---\n# ${printableLine(origin.file)}:${origin.line}\n`);
    const yaml = stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
    // What is piped to a program keeps every character; what is looked at need not.
    this.process.stdout.write(this.process.stdout.isTTY === true ? printableText(yaml) : yaml);
  }
}

function helmOptions({ releaseName, set }: RenderFlags): Pick<LocalRendering, "helm"> {
  if (releaseName === undefined && set === undefined) return {};
  const parameters = (set ?? []).map((text) => {
    const equals = text.indexOf("=");
    if (equals < 1) throw new CliError(`--set ${text}: write name=value`);
    return { name: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  return { helm: { parameters, ...(releaseName === undefined ? {} : { releaseName }) } };
}
