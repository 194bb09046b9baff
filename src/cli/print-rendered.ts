import { stringify } from "yaml";
import type { CliContext } from "./context.ts";
import { renderPath, requireReadable } from "./local-manifests.ts";
import { printJson } from "./output.ts";

interface RenderFlags {
  readonly revision?: string;
  readonly output: "yaml" | "json";
}

export async function printRendered(
  this: CliContext,
  flags: RenderFlags,
  path: string,
): Promise<void> {
  const { objects } = requireReadable(await renderPath(path, flags.revision));
  if (flags.output === "json") {
    const items = objects.map(({ object }) => object);
    printJson(this, { apiVersion: "v1", kind: "List", items });
    return;
  }
  for (const { object, origin } of objects) {
    this.process.stdout.write(`---\n# ${origin.file}:${origin.line}\n`);
    this.process.stdout.write(stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
  }
}
