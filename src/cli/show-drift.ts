import { formatRef } from "../gitops/plan/object-ref.ts";
import type { Plan, PlanEntry } from "../gitops/plan/plan.ts";
import { ownersOf } from "../kube/apply/ownership.ts";
import type { FieldChange } from "../kube/diff.ts";
import { type Application, type ApplicationDrift, deployments } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import { type ApplicationFlags, findApplications } from "./application-flags.ts";
import { planApplication } from "./application-plan.ts";
import { connect } from "./connect.ts";
import { type CliContext, CliError, EXIT } from "./context.ts";
import { printJson, printLine } from "./output.ts";
import { changeText, differing } from "./plan-output.ts";

interface DriftFlags extends ApplicationFlags {
  readonly output: "text" | "json" | "markdown" | "junit";
}
interface DriftReport {
  readonly application: string;
  readonly revision: string;
  readonly objects: readonly DriftedObject[];
}
interface DriftedObject {
  readonly object: string;
  readonly action: string;
  readonly reason?: string;
  readonly changes: readonly (Pick<FieldChange, "path" | "type" | "from" | "to"> & {
    readonly text: string;
    /** Field manager and time of the last write, and who was behind it, where the server knows. */
    readonly by?: string;
    readonly user?: string;
    readonly at?: string;
  })[];
}

export async function showDrift(
  this: CliContext,
  flags: DriftFlags,
  ...names: string[]
): Promise<void> {
  const client = await connect(flags);
  const found = await findApplications(client, flags.namespace, names);
  const reports: DriftReport[] = [];
  for (const application of found) {
    const revision = syncedRevision(application);
    const plan = await planApplication(client, application, revision);
    reports.push(report(application, revision, plan));
  }
  if (flags.output === "json") printJson(this, reports);
  else
    printLine(this, { text: asText, markdown: asMarkdown, junit: asJunit }[flags.output](reports));
  if (reports.some(({ objects }) => objects.length > 0)) this.process.exitCode = EXIT.differs;
}

function syncedRevision({ metadata, status }: Application): string {
  const revision = deployments(status).at(-1)?.revision;
  if (revision === undefined)
    throw new CliError(
      `Application ${metadata.namespace ?? ""}/${metadata.name} was never synced; \`gantry status ${metadata.name}\` shows why`,
    );
  return status?.rollback?.revision ?? revision;
}

function report(of: Application, revision: string, plan: Plan): DriftReport {
  const application = keyOf(of);
  const drift = of.status?.drift ?? [];
  return { application, revision, objects: differing(plan).map((entry) => drifted(entry, drift)) };
}

function drifted(entry: PlanEntry, known: readonly ApplicationDrift[]): DriftedObject {
  const { ref, action, reason, live } = entry;
  return {
    object: formatRef(ref),
    action: { create: "missing", prune: "not in Git" }[action as string] ?? "changed",
    ...(reason === undefined ? {} : { reason }),
    changes: entry.changes.map((change) => {
      const { path, type, from, to } = change;
      const writer = (live === undefined ? [] : ownersOf(live, change.fieldPath))
        .filter((owner) => owner.manager !== "gantry")
        .at(-1);
      return {
        path,
        type,
        from,
        to,
        text: changeText(change),
        ...(writer === undefined ? {} : { by: writer.manager }),
        ...userOf(entry, path, writer?.manager, known),
        ...(writer?.time === undefined ? {} : { at: writer.time }),
      };
    }),
  };
}

/** The operator has noted who it was, where there is an audit log. */
function userOf(
  { ref }: PlanEntry,
  path: string,
  manager: string | undefined,
  known: readonly ApplicationDrift[],
): { readonly user?: string } {
  const drift = known.findLast(
    ({ kind, namespace = "", name }) =>
      kind === ref.kind && namespace === ref.namespace && name === ref.name,
  );
  const field = drift?.fields?.find((one) => one.path === path && one.manager === manager);
  return field?.user === undefined ? {} : { user: field.user };
}

function lines({ object, action, reason, changes }: DriftedObject): string[] {
  return [
    `${object}: ${action}${reason === undefined ? "" : `: ${reason}`}`,
    ...changes.map(
      ({ text, by, user, at }) =>
        `    ${text}${by === undefined ? "" : `  by ${by}${user === undefined ? "" : ` (${user})`}${at === undefined ? "" : ` at ${at}`}`}`,
    ),
  ];
}

function asText(reports: readonly DriftReport[]): string {
  return reports
    .map(({ application, revision, objects }) =>
      objects.length === 0
        ? `${application} is as in Git at ${revision.slice(0, 12)}`
        : [
            `${application} differs from Git at ${revision.slice(0, 12)}:`,
            ...objects.flatMap(lines),
          ].join("\n  "),
    )
    .join("\n");
}

function asMarkdown(reports: readonly DriftReport[]): string {
  return reports
    .map(({ application, revision, objects }) => {
      const body =
        objects.length === 0 ? "No drift." : codeBlock(objects.flatMap(lines).join("\n"));
      return `### ${application} at ${revision.slice(0, 12)}\n\n${body}`;
    })
    .join("\n\n");
}

/** Values must not end the block that shows them: links and mentions would follow. */
function codeBlock(text: string): string {
  return `\`\`\`\n${text.replace(/`{3,}/g, "``")}\n\`\`\``;
}

function asJunit(reports: readonly DriftReport[]): string {
  const suites = reports.map(({ application, objects }) => {
    const cases = objects.map(
      (object) =>
        `    <testcase classname="${xml(application)}" name="${xml(object.object)}"><failure message="${xml(object.action)}">${xml(lines(object).join("\n"))}</failure></testcase>`,
    );
    const all =
      cases.length > 0 ? cases : [`    <testcase classname="${xml(application)}" name="drift"/>`];
    return `  <testsuite name="${xml(application)}" tests="${all.length}" failures="${cases.length}">\n${all.join("\n")}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join("\n")}\n</testsuites>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};
const xml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? "");
