/** All commands by name. Each is loaded only when it runs. */
import { buildApplication, buildRouteMap, text_en } from "@stricli/core";
import { blame } from "./commands/blame.ts";
import { demo } from "./commands/demo.ts";
import { diff } from "./commands/diff.ts";
import { doctor } from "./commands/doctor.ts";
import { drift } from "./commands/drift.ts";
import { history } from "./commands/history.ts";
import { remote } from "./commands/remote.ts";
import { render } from "./commands/render.ts";
import { resume } from "./commands/resume.ts";
import { rollback } from "./commands/rollback.ts";
import { status } from "./commands/status.ts";
import { suspend } from "./commands/suspend.ts";
import { sync } from "./commands/sync.ts";
import { up } from "./commands/up.ts";
import { validate } from "./commands/validate.ts";
import { verifyStore } from "./commands/verify-store.ts";
import { why } from "./commands/why.ts";
import { printableText } from "../kube/printable-text.ts";
import { type CliContext, CliError, EXIT } from "./context.ts";
import { describeFailure } from "./failure.ts";
import { packageVersion } from "./package-root.ts";

const root = buildRouteMap<string, CliContext>({
  routes: {
    up,
    demo,
    validate,
    render,
    diff,
    drift,
    sync,
    status,
    why,
    history,
    blame,
    rollback,
    remote,
    suspend,
    resume,
    doctor,
    debug: buildRouteMap<string, CliContext>({
      routes: { "verify-store": verifyStore },
      docs: { brief: "Look into a data directory" },
    }),
  },
  docs: {
    brief:
      "Git push, and seconds later the change is live: GitOps and a small Kubernetes in one program",
  },
});

export const application = buildApplication(root, {
  name: "gantry",
  versionInfo: { currentVersion: packageVersion() },
  scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
  documentation: {
    caseStyle: "convert-camel-to-kebab",
    disableAnsiColor: process.env["NO_COLOR"] !== undefined || !process.stdout.isTTY,
  },
  localization: {
    text: {
      ...text_en,
      exceptionWhileRunningCommand: (error) => `error: ${printableText(describeFailure(error))}`,
      exceptionWhileParsingArguments: (error) =>
        `error: ${error instanceof Error ? error.message : String(error)}\nSee \`gantry --help\`.`,
    },
  },
  determineExitCode: (error) => (error instanceof CliError ? error.exitCode : EXIT.failed),
});
