import { diagnoseApplication } from "../gitops/diagnose/diagnose.ts";
import { explain } from "../gitops/diagnose/explain.ts";
import { keyOf } from "../kube/object.ts";
import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
import { type CliContext, EXIT } from "./context.ts";
import { printJson, printLine } from "./output.ts";

interface WhyFlags extends ApplicationFlags {
  readonly output: "text" | "json";
}

export async function showWhy(this: CliContext, flags: WhyFlags, name: string): Promise<void> {
  const client = await connect(flags);
  const application = await getApplication(client, flags.namespace, name);
  const nowMs = Date.now();
  const { signal } = new AbortController();
  const diagnoses = await diagnoseApplication(application, { client, nowMs, signal });
  const explanation = explain(application, diagnoses, nowMs);
  if (flags.output === "json")
    printJson(this, { application: keyOf(application), ...explanation, diagnoses });
  else {
    const blocks = explanation.sections.map(({ title, lines }) =>
      [title, ...lines.map((line) => `  ${line}`)].join("\n"),
    );
    const next = explanation.next === undefined ? [] : [`next: ${explanation.next}`];
    printLine(this, [explanation.summary, ...blocks, ...next].join("\n\n"));
  }
  if (!explanation.isFine) this.process.exitCode = EXIT.differs;
}
