import { existsSync } from "node:fs";
import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { planApplication, planManifests } from "./application-plan.ts";
import { connect } from "./connect.ts";
import { type CliContext, EXIT } from "./context.ts";
import { renderPath, requireReadable } from "./local-manifests.ts";
import { printJson, printLine } from "./output.ts";
import { differing, planJson, planMarkdown, planText } from "./plan-output.ts";

interface DiffFlags extends ApplicationFlags {
  readonly revision?: string;
  readonly output: "text" | "json" | "markdown";
}

export async function showDiff(this: CliContext, flags: DiffFlags, target: string): Promise<void> {
  const client = await connect(flags);
  const plan = isPath(target)
    ? await planManifests(client, requireReadable(await renderPath(target, flags)), flags.namespace)
    : await planApplication(
        client,
        await getApplication(client, flags.namespace, target),
        flags.revision,
      );
  if (flags.output === "json") printJson(this, planJson(plan));
  else printLine(this, flags.output === "markdown" ? planMarkdown(target, plan) : planText(plan));
  if (differing(plan).length > 0) this.process.exitCode = EXIT.differs;
}

const isPath = (target: string): boolean => /[./\\]/.test(target) || existsSync(target);
