/** An Application as a push would make it: rendered at a commit that no ref names yet. */
import type { Client } from "../../client/client.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { keyOf } from "../../kube/object.ts";
import { formatFinding, type Finding } from "../check/finding.ts";
import { destinationNamespace } from "../plan/destination-namespace.ts";
import { type Derived, sha256, toDesired } from "../plan/desired.ts";
import { syncOptionsOf } from "../plan/sync-options.ts";
import { trackingLabel } from "../plan/tracking.ts";
import type { RenderedApplication } from "../render/render-application.ts";
import type { Commit } from "../source/source.ts";
import { SourceError } from "../source/source-error.ts";

export interface PushedApplication {
  readonly application: Application;
  /** Its tracking label. */
  readonly label: string;
  /** The ref that it follows, by its full name. */
  readonly ref: string;
  readonly commit: Commit;
  readonly rendered: RenderedApplication | undefined;
  readonly derived: Derived;
  /** Why it cannot work, as far as rendering shows; with file, line and column where known. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /**
   * The first commit that said the same as this one, where what the operator has of it does: by that
   * its status will name it.
   */
  readonly knownAs: () => Promise<string | undefined>;
}

export interface PushedOptions {
  readonly client: Client;
  readonly render: () => Promise<RenderedApplication>;
  /** What rules of projects and policies say of it. */
  readonly police: (rendered: RenderedApplication) => Promise<readonly Finding[]>;
  readonly signal: AbortSignal;
}

const NOTHING: Derived = { desired: [], hooks: [], unusable: [] };

export async function renderPushed(
  {
    application,
    ref,
    commit,
    knownAs,
  }: Pick<PushedApplication, "application" | "ref" | "commit" | "knownAs">,
  { client, render, police, signal }: PushedOptions,
): Promise<PushedApplication> {
  const label = trackingLabel(keyOf(application), sha256);
  const about = { application, label, ref, commit, knownAs };
  const pushed = { ...about, rendered: undefined, derived: NOTHING };
  try {
    const rendered = await render();
    const policed = await police(rendered);
    const problems = [...rendered.errors, ...worded(policed, "error")];
    const warnings = [...rendered.warnings, ...worded(policed, "warning")];
    if (problems.length > 0) return { ...pushed, problems, warnings };
    const derived = await derive(application, rendered, client);
    return { ...pushed, rendered, derived, problems, warnings };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    signal.throwIfAborted();
    return { ...pushed, problems: [error.message], warnings: [] };
  }
}

function worded(findings: readonly Finding[], severity: Finding["severity"]): string[] {
  return findings.filter((finding) => finding.severity === severity).map(formatFinding);
}

async function derive(
  application: Application,
  { manifests }: RenderedApplication,
  client: Client,
): Promise<Derived> {
  const { destination, ignoreDifferences } = application.spec;
  const derived = await toDesired(manifests, {
    client,
    applicationKey: keyOf(application),
    namespace: destination.namespace ?? "default",
    options: syncOptionsOf(application),
    ignoreDifferences,
  });
  const namespace = destinationNamespace(application, derived.desired);
  return namespace === undefined
    ? derived
    : { ...derived, desired: [namespace, ...derived.desired] };
}
