/**
 * What an Application's sources say, as objects that know where they come from: rendered, decrypted,
 * with variables put in, and checked. The one way to render: the operator, `git push`, `gantry
 * render`, `diff` and `drift` all come through here, and so agree.
 */
import { createHmac, randomBytes } from "node:crypto";
import { checkManifests } from "../check/check-manifests.ts";
import { observedNow } from "../report/stage-metrics.ts";
import { compareFindings, type Finding, formatFinding } from "../check/finding.ts";
import {
  type Application,
  type ApplicationSource,
  deployments,
  mainSource,
} from "../../kube/kinds/application.ts";
import { deepFreeze, type JsonObject, type KubeObject } from "../../kube/object.ts";
import { DecryptError } from "../decrypt/decrypt-error.ts";
import type { Commit, Tree } from "../source/source.ts";
import { decryptFinding, decryptRendered } from "./decrypt-rendered.ts";
import { withoutRepeats } from "./duplicates.ts";
import type { Footprint } from "./footprint.ts";
import type { Manifest } from "./manifest.ts";
import { inOwnRepository } from "./own-repository.ts";
import type { Rendered } from "./render.ts";
import type { SecretReferences } from "../decrypt/references.ts";
import type { RenderEnvironment } from "./render-environment.ts";
import { renderSource } from "./render-source.ts";
import type { HelmRelease } from "./source-rendering.ts";
import { substituteVariables } from "./substitute/substitute-manifests.ts";

/** A source of the Application, and the files that it has now. */
export interface Checkout {
  readonly source: ApplicationSource;
  readonly commit: Pick<Commit, "id" | "tree">;
}

export interface ApplicationRendering {
  readonly application: Pick<Application, "metadata" | "spec" | "status">;
  /** One for each source, in their order. */
  readonly checkouts: readonly Checkout[];
  readonly environment: RenderEnvironment;
  readonly signal: AbortSignal;
}

export interface RenderedApplication {
  /** Equal ids mean equal manifests and findings. Reveals nothing of what was decrypted. */
  readonly id: string;
  readonly manifests: readonly Manifest[];
  /** In order of file and line; errors forbid applying any of it. */
  readonly findings: readonly Finding[];
  /** The findings in words, at most twenty of each severity. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** False when something may be missing here that the sources do have: nothing may be pruned. */
  readonly complete: boolean;
  /** For each checkout what its tree must still have for this to hold. */
  readonly footprints: readonly Footprint[];
  /** False when the same input may well give something else: after a time-out, or with values from elsewhere. */
  readonly repeatable: boolean;
  /** What the destination serves may make a difference. */
  readonly usesApiVersions: boolean;
}

/** Findings shown of one severity; the rest is counted. */
const MAX_SHOWN = 20;

/** @throws SourceError when a tree cannot be read, or a program or sandbox that is needed is missing */
export async function renderApplication({
  application,
  checkouts,
  environment,
  signal,
}: ApplicationRendering): Promise<RenderedApplication> {
  const refs = refTrees(checkouts);
  const release = releaseOf(application, checkouts);
  const parts: Rendered[] = [];
  for (const { source, commit } of checkouts) {
    if (isReferenceOnly(source)) continue;
    const part = await renderSource({
      source,
      tree: commit.tree,
      refs,
      release,
      environment,
      signal,
    });
    parts.push(await decryptRendered(part, environment.decryptor));
  }
  const joined = joinSources(parts);
  const substituted = substituteVariables(joined.objects, environment.variables);
  const resolved = await resolveReferences(substituted.objects, environment.references);
  const findings = [
    ...joined.findings,
    ...substituted.findings,
    ...resolved.findings,
    ...observedNow(
      environment.observer,
      "check",
      () => checkManifests(resolved.objects),
      (found) => (found.some(({ severity }) => severity === "error") ? "failure" : "success"),
    ),
  ].sort(compareFindings);
  return {
    id: idOf(parts, environment, resolved),
    manifests: inOwnRepository(resolved.objects, mainSource(application.spec)),
    findings,
    errors: shown(findings, "error"),
    warnings: shown(findings, "warning"),
    complete:
      joined.complete && substituted.findings.length === 0 && resolved.findings.length === 0,
    footprints: footprintsOf(checkouts, parts),
    usesApiVersions: parts.some((part) => part.usesApiVersions === true),
    repeatable: !resolved.isChanged && parts.every((part) => part.repeatable !== false),
  };
}

/** A source that only lends its files to the `valueFiles` of others. */
export function isReferenceOnly({ ref, path, chart }: ApplicationSource): boolean {
  return ref !== undefined && path === undefined && chart === undefined;
}

function refTrees(checkouts: readonly Checkout[]): ReadonlyMap<string, Tree> {
  const refs = new Map<string, Tree>();
  for (const { source, commit } of checkouts)
    if (source.ref !== undefined) refs.set(source.ref, commit.tree);
  return refs;
}

/**
 * Helm distinguishes the first installation from what follows: it was installed at the revision
 * that was synced first, and is upgraded at every other.
 */
function releaseOf(
  { metadata, spec, status }: ApplicationRendering["application"],
  checkouts: readonly Checkout[],
): HelmRelease {
  const synced = status?.lastSynced?.revision;
  const isOther = synced !== undefined && synced !== checkouts[0]?.commit.id;
  return {
    name: metadata.name,
    namespace: spec.destination.namespace ?? "default",
    isUpgrade: isOther || deployments(status).length > 1,
  };
}

/** In order of the sources; of what several define the last one counts, as in Argo CD. */
function joinSources(
  parts: readonly Rendered[],
): Pick<Rendered, "objects" | "findings" | "complete"> {
  const { unique, findings } =
    parts.length > 1
      ? withoutRepeats(parts.map((part) => part.objects))
      : { unique: parts[0]?.objects ?? [], findings: [] };
  return {
    objects: unique,
    findings: [...parts.flatMap((part) => part.findings), ...findings],
    complete: parts.every((part) => part.complete),
  };
}

/** Values in objects may be secret: who sees the id must not be able to guess them. */
const ID_KEY = randomBytes(32);

function idOf(
  parts: readonly Rendered[],
  { variables }: RenderEnvironment,
  { objects, isChanged }: Resolved,
): string {
  const ids = parts.map((part) => part.id);
  if (parts.length === 1 && variables === undefined && !isChanged) return ids[0] ?? "";
  const content = isChanged
    ? createHmac("sha256", ID_KEY)
        .update(JSON.stringify(objects.map(({ object }) => object)))
        .digest("hex")
    : undefined;
  return JSON.stringify([ids, variables?.id ?? null, content ?? null]);
}

interface Resolved {
  readonly objects: readonly Manifest[];
  readonly findings: readonly Finding[];
  readonly isChanged: boolean;
}

async function resolveReferences(
  manifests: readonly Manifest[],
  references: SecretReferences | undefined,
): Promise<Resolved> {
  if (references === undefined) return { objects: manifests, findings: [], isChanged: false };
  const objects: Manifest[] = [];
  const findings: Finding[] = [];
  let isChanged = false;
  for (const manifest of manifests) {
    try {
      const object = await references.resolve(manifest.object as KubeObject & JsonObject);
      const isSame = object === manifest.object;
      isChanged ||= !isSame;
      objects.push(isSame ? manifest : { ...manifest, object: deepFreeze(object) });
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      findings.push(decryptFinding(error, manifest.origin, manifest));
    }
  }
  return { objects, findings, isChanged };
}

/** A source that only lends files counts where they are used: its files are part of those footprints. */
function footprintsOf(checkouts: readonly Checkout[], parts: readonly Rendered[]): Footprint[] {
  let part = 0;
  const own = checkouts.map(({ source }) =>
    isReferenceOnly(source) ? [] : (parts[part++]?.footprint ?? []),
  );
  checkouts.forEach(({ source }, index) => {
    const name = source.ref;
    if (name === undefined) return;
    const used = parts.flatMap((rendered) => rendered.refFootprints?.get(name) ?? []);
    own[index] = [...(own[index] ?? []), ...used];
  });
  return own;
}

function shown(findings: readonly Finding[], severity: Finding["severity"]): string[] {
  const messages = findings.filter((finding) => finding.severity === severity).map(formatFinding);
  if (messages.length <= MAX_SHOWN) return messages;
  return [...messages.slice(0, MAX_SHOWN), `and ${messages.length - MAX_SHOWN} more`];
}
